//! Ranges of numbers: which of them hold a given one?
//!
//! A treap (Seidel and Aragon 1996) ordered by the lower ends, in which every branch knows the
//! highest upper end below it. Like [`crate::map`], copies share what they have in common.

use std::sync::Arc;

use crate::hash;

/// A range of ordered numbers, both ends included, and who asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// The lower end.
    pub(crate) bottom: u64,
    /// The upper end.
    pub(crate) top: u64,
    /// Who asks.
    pub(crate) id: u64,
}

/// A set of ranges.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ranges {
    root: Tree,
}

type Tree = Option<Arc<Branch>>;

#[derive(Clone, Debug)]
struct Branch {
    entry: Entry,
    /// The highest upper end of this and all below.
    highest: u64,
    left: Tree,
    right: Tree,
}

impl Ranges {
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// Adds a range; the same one with the same id only once.
    pub(crate) fn insert(&mut self, entry: Entry) {
        insert(&mut self.root, entry);
    }

    /// Takes a range out.
    pub(crate) fn remove(&mut self, entry: Entry) {
        remove(&mut self.root, entry);
    }

    /// Calls `visit` with the id of every range that holds `number`.
    pub(crate) fn holding(&self, number: u64, visit: &mut impl FnMut(u64)) {
        holding(&self.root, number, visit);
    }
}

impl Branch {
    fn new(entry: Entry, left: Tree, right: Tree) -> Arc<Self> {
        let mut branch = Self { entry, highest: 0, left, right };
        branch.measure();
        Arc::new(branch)
    }

    fn measure(&mut self) {
        let highest = |tree: &Tree| tree.as_ref().map_or(0, |branch| branch.highest);
        self.highest = self.entry.top.max(highest(&self.left)).max(highest(&self.right));
    }
}

/// Which branch stands higher: a number that looks random and depends on the entry alone.
fn rank(entry: Entry) -> u64 {
    hash::mix(entry.id ^ hash::mix(entry.bottom ^ hash::mix(entry.top)))
}

fn insert(tree: &mut Tree, entry: Entry) {
    match tree {
        Some(branch) if branch.entry == entry => {}
        Some(branch) if rank(branch.entry) >= rank(entry) => {
            let branch = Arc::make_mut(branch);
            let side = if entry < branch.entry { &mut branch.left } else { &mut branch.right };
            insert(side, entry);
            branch.measure();
        }
        _ => {
            let (left, right) = split(tree.take(), entry);
            *tree = Some(Branch::new(entry, left, right));
        }
    }
}

/// The entries below `entry` and those above it.
fn split(tree: Tree, entry: Entry) -> (Tree, Tree) {
    let Some(branch) = tree else {
        return (None, None);
    };
    let Branch { entry: here, left, right, .. } = Arc::unwrap_or_clone(branch);
    if here < entry {
        let (middle, above) = split(right, entry);
        (Some(Branch::new(here, left, middle)), above)
    } else {
        let (below, middle) = split(left, entry);
        (below, Some(Branch::new(here, middle, right)))
    }
}

fn remove(tree: &mut Tree, entry: Entry) {
    let Some(branch) = tree else {
        return;
    };
    let branch = Arc::make_mut(branch);
    if branch.entry == entry {
        let (left, right) = (branch.left.take(), branch.right.take());
        *tree = join(left, right);
        return;
    }
    let side = if entry < branch.entry { &mut branch.left } else { &mut branch.right };
    remove(side, entry);
    branch.measure();
}

/// One tree of two, all of whose entries are in order.
fn join(left: Tree, right: Tree) -> Tree {
    let (Some(low), Some(high)) = (&left, &right) else {
        return left.or(right);
    };
    if rank(low.entry) >= rank(high.entry) {
        let branch = low.as_ref().clone();
        Some(Branch::new(branch.entry, branch.left, join(branch.right, right)))
    } else {
        let branch = high.as_ref().clone();
        Some(Branch::new(branch.entry, join(left, branch.left), branch.right))
    }
}

fn holding(tree: &Tree, number: u64, visit: &mut impl FnMut(u64)) {
    let mut tree = tree;
    while let Some(branch) = tree
        && number <= branch.highest
    {
        holding(&branch.left, number, visit);
        if number < branch.entry.bottom {
            return;
        }
        if number <= branch.entry.top {
            visit(branch.entry.id);
        }
        tree = &branch.right;
    }
}
