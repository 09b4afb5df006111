//! The names some rule asks for, as a tree: what a scan of an event follows and what it skips.
//!
//! A name with dots is several names, in patterns and in events. Copies share what they have in
//! common, as those of [`crate::map`] do.

use std::sync::Arc;

use crate::hash;
use crate::index::Index;
use crate::map::Map;

/// The most names of one object that are looked through one by one.
const FEW: usize = 12;

/// How many bytes of a name its tag tells.
const TAGGED: usize = 3;

/// The length of a name and its first bytes: most names differ in them.
#[inline]
fn tag(name: &[u8]) -> u32 {
    let byte = |at: usize| name.get(at).copied().unwrap_or_default();
    let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
    u32::from_le_bytes([length, byte(0), byte(1), byte(2)])
}

/// The number of a path, small and used again once nobody asks for the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PathId(pub(crate) u32);

/// A place in the tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    below: Below,
    /// What is asked at the path that ends here.
    asked: Option<Arc<Asked>>,
}

/// What is asked at a path.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The number of the path.
    pub(crate) path: PathId,
    /// The path, shared by all who ask.
    name: Arc<str>,
    /// How many fields ask.
    fields: usize,
    /// How many of them ask for numbers.
    numeric: usize,
    /// The entries of rules at this path.
    pub(crate) index: Index,
}

/// A name and where it leads.
type Named = (Box<[u8]>, Arc<Node>);

/// The names that go on from a place.
#[derive(Clone, Debug)]
enum Below {
    /// Each with its [`tag`].
    Few(Vec<(u32, Box<[u8]>, Arc<Node>)>),
    /// By hash; names of one hash are told apart like few ones.
    Many(Map<Vec<Named>>),
}

impl Default for Below {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Asked {
    /// Whether the values here are wanted as numbers.
    pub(crate) fn wants_numbers(&self) -> bool {
        self.numeric > 0
    }
}

impl Node {
    /// What is asked at the path that ends here.
    pub(crate) fn asked(&self) -> Option<&Asked> {
        self.asked.as_deref()
    }

    /// Whether no name goes on from here.
    pub(crate) fn is_end(&self) -> bool {
        match &self.below {
            Below::Few(few) => few.is_empty(),
            Below::Many(many) => many.len() == 0,
        }
    }

    /// Where one name leads.
    #[inline]
    pub(crate) fn get(&self, name: &[u8]) -> Option<&Self> {
        match &self.below {
            Below::Few(few) => {
                let tag = tag(name);
                let same = |known: &[u8]| known.len() <= TAGGED || *known == *name;
                let found = few.iter().find(|(known, full, _)| *known == tag && same(full));
                found.map(|(_, _, node)| &**node)
            }
            Below::Many(many) => {
                let alike = many.get(hash::text(name))?;
                alike.iter().find(|(known, _)| **known == *name).map(|(_, node)| &**node)
            }
        }
    }

    /// What is asked at a dotted path.
    pub(crate) fn at(&self, path: &str) -> Option<&Asked> {
        path.split('.').try_fold(self, |node, name| node.get(name.as_bytes()))?.asked()
    }

    /// Notes one more field at a dotted path; a new path is given the number `unused`.
    pub(crate) fn ask(
        &mut self,
        path: &Arc<str>,
        numeric: bool,
        unused: PathId,
    ) -> (PathId, Arc<str>) {
        let node = path.split('.').fold(self, |node, name| node.child(name));
        let asked = node.asked.get_or_insert_with(|| {
            let name = Arc::clone(path);
            Arc::new(Asked { path: unused, name, fields: 0, numeric: 0, index: Index::default() })
        });
        let asked = Arc::make_mut(asked);
        asked.fields += 1;
        asked.numeric += usize::from(numeric);
        (asked.path, Arc::clone(&asked.name))
    }

    /// Changes the entries at a dotted path that some field asks for.
    pub(crate) fn change(&mut self, path: &str, change: impl FnOnce(&mut Index)) {
        let node = path.split('.').fold(self, |node, name| node.child(name));
        if let Some(asked) = &mut node.asked {
            change(&mut Arc::make_mut(asked).index);
        }
    }

    /// Forgets one field at a dotted path; the number of the path if it was the last one.
    pub(crate) fn forget(&mut self, path: &str, numeric: bool) -> Option<PathId> {
        let (name, rest) = match path.split_once('.') {
            Some((name, rest)) => (name, Some(rest)),
            None => (path, None),
        };
        self.get(name.as_bytes())?;
        let child = self.child(name);
        let unused = match rest {
            Some(rest) => child.forget(rest, numeric),
            None => child.forget_here(numeric),
        };
        if child.asked.is_none() && child.is_end() {
            self.drop_child(name);
        }
        unused
    }

    fn forget_here(&mut self, numeric: bool) -> Option<PathId> {
        let asked = Arc::make_mut(self.asked.as_mut()?);
        asked.fields -= 1;
        asked.numeric -= usize::from(numeric);
        let (fields, path) = (asked.fields, asked.path);
        (fields == 0).then(|| {
            self.asked = None;
            path
        })
    }

    /// Where one name leads, made now if it leads nowhere.
    fn child(&mut self, name: &str) -> &mut Self {
        self.widen();
        let make = || (Box::<[u8]>::from(name.as_bytes()), Arc::default());
        let child = match &mut self.below {
            Below::Few(few) => {
                let at = few.iter().position(|(_, known, _)| **known == *name.as_bytes());
                let at = at.unwrap_or_else(|| {
                    few.reserve_exact(1);
                    let (name, node) = make();
                    few.push((tag(&name), name, node));
                    few.len() - 1
                });
                &mut few[at].2
            }
            Below::Many(many) => {
                let alike = many.entry(hash::text(name.as_bytes()), Vec::new);
                let at = alike.iter().position(|(known, _)| **known == *name.as_bytes());
                let at = at.unwrap_or_else(|| {
                    alike.reserve_exact(1);
                    alike.push(make());
                    alike.len() - 1
                });
                &mut alike[at].1
            }
        };
        Arc::make_mut(child)
    }

    /// Makes room for one more name.
    fn widen(&mut self) {
        let Below::Few(few) = &mut self.below else {
            return;
        };
        if few.len() < FEW {
            return;
        }
        let mut many = Map::new();
        for (_, name, node) in few.drain(..) {
            many.entry(hash::text(&name), Vec::new).push((name, node));
        }
        self.below = Below::Many(many);
    }

    fn drop_child(&mut self, name: &str) {
        match &mut self.below {
            Below::Few(few) => few.retain(|(_, known, _)| **known != *name.as_bytes()),
            Below::Many(many) => {
                let hash = hash::text(name.as_bytes());
                let Some(alike) = many.get_mut(hash) else { return };
                alike.retain(|(known, _)| **known != *name.as_bytes());
                if alike.is_empty() {
                    many.remove(hash);
                }
            }
        }
    }
}
