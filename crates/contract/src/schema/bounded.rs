//! JSON values as the judge of schemas sees them, with a bound on its work.
//!
//! Whether a value fits is decided in time that grows with the value; the judge remembers what it
//! has seen. Where it does not fit is another matter: alternatives in alternatives are told one by
//! one, and a body of a hundred bytes may have more of them than memory holds. So the values count
//! how often they are looked into while faults are collected, and have nothing inside any more
//! when a [`Budget`] is spent. What is found then is not to be trusted, which [`Budget::is_spent`]
//! says. They also give no copies of themselves to the faults: a fault's place is enough.

use std::borrow::Cow;
use std::cell::Cell;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, Node, NodeIdentity, Object, cmp, unique};
use serde_json::{Map, Number, Value};

static NOTHING: Value = Value::Null;

/// How much looking for faults may cost.
#[derive(Debug)]
pub(crate) struct Budget {
    looks: Cell<usize>,
    faults: Cell<usize>,
    spent: Cell<bool>,
}

impl Budget {
    /// A budget of so many looks into a list or object, and so many faults on the way.
    pub(crate) fn new(looks: usize, faults: usize) -> Self {
        Self { looks: Cell::new(looks), faults: Cell::new(faults), spent: Cell::new(false) }
    }

    /// Whether something was asked for beyond it.
    pub(crate) fn is_spent(&self) -> bool {
        self.spent.get()
    }

    fn take(&self, from: &Cell<usize>) -> bool {
        match from.get().checked_sub(1) {
            Some(left) => from.set(left),
            None => self.spent.set(true),
        }
        !self.spent.get()
    }
}

/// The representation of JSON that our schemas are compiled for.
pub(crate) struct Bounded;

impl Json for Bounded {
    type Node<'a> = Visited<'a>;
    type PreparedKey = String;
    type StringBuffer = Value;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>(
        buffer: &mut Value,
        string: &str,
        f: impl FnOnce(Visited<'_>) -> T,
    ) -> T {
        *buffer = Value::from(string);
        f(Visited::freely(buffer))
    }
}

/// A value that is asked about.
#[derive(Clone, Copy)]
pub(crate) struct Visited<'a> {
    value: &'a Value,
    budget: Option<&'a Budget>,
}

impl<'a> Visited<'a> {
    /// A value without a bound, for the question whether it fits.
    pub(crate) fn freely(value: &'a Value) -> Self {
        Self { value, budget: None }
    }

    /// A value for the question where it does not fit.
    pub(crate) fn within(value: &'a Value, budget: &'a Budget) -> Self {
        Self { value, budget: Some(budget) }
    }

    /// A value inside another one with that budget; nothing once it is spent.
    fn inside(value: &'a Value, budget: Option<&'a Budget>) -> Option<Self> {
        let may = match budget {
            Some(budget) => budget.take(&budget.looks),
            None => true,
        };
        may.then_some(Self { value, budget })
    }
}

impl<'a> Node<'a, Bounded> for Visited<'a> {
    type Object = Members<'a>;
    type Array = Items<'a>;
    type Number = &'a Number;

    fn as_object(&self) -> Option<Members<'a>> {
        match self.value {
            Value::Object(members) => Some(Members { members, budget: self.budget }),
            _ => None,
        }
    }

    fn as_array(&self) -> Option<Items<'a>> {
        match self.value {
            Value::Array(items) => Some(Items { items, budget: self.budget }),
            _ => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match self.value {
            Value::String(text) => Some(Cow::Borrowed(text.as_str())),
            _ => None,
        }
    }

    fn as_number(&self) -> Option<&'a Number> {
        match self.value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match self.value {
            Value::Bool(boolean) => Some(*boolean),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    fn json_type(&self) -> JsonType {
        match self.value {
            Value::Null => JsonType::Null,
            Value::Bool(_) => JsonType::Boolean,
            Value::Number(_) => JsonType::Number,
            Value::String(_) => JsonType::String,
            Value::Array(_) => JsonType::Array,
            Value::Object(_) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        cmp::equal(self.value, expected)
    }

    /// What a fault keeps of the value: nothing. Comparing does not come here.
    fn to_value(&self) -> Cow<'a, Value> {
        if let Some(budget) = self.budget {
            budget.take(&budget.faults);
        }
        Cow::Borrowed(&NOTHING)
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref(self.value).addr()))
    }
}

/// The members of an object.
pub(crate) struct Members<'a> {
    members: &'a Map<String, Value>,
    budget: Option<&'a Budget>,
}

impl<'a> Object<'a, Bounded> for Members<'a> {
    type Node = Visited<'a>;
    type MemberName = &'a str;
    type MembersIter = MembersIter<'a>;

    fn len(&self) -> usize {
        self.members.len()
    }

    fn get(&self, key: &String) -> Option<Visited<'a>> {
        let members: &'a Map<String, Value> = self.members;
        Visited::inside(members.get(key.as_str())?, self.budget)
    }

    fn members(&self) -> MembersIter<'a> {
        MembersIter { rest: self.members.iter(), budget: self.budget }
    }
}

/// The members of an object, one after the other.
pub(crate) struct MembersIter<'a> {
    rest: serde_json::map::Iter<'a>,
    budget: Option<&'a Budget>,
}

impl<'a> Iterator for MembersIter<'a> {
    type Item = (&'a str, Visited<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.rest.next()?;
        Some((name.as_str(), Visited::inside(value, self.budget)?))
    }
}

/// The elements of a list.
pub(crate) struct Items<'a> {
    items: &'a [Value],
    budget: Option<&'a Budget>,
}

impl<'a> Array<'a, Bounded> for Items<'a> {
    type Node = Visited<'a>;
    type ElementsIter = ItemsIter<'a>;

    fn len(&self) -> usize {
        self.items.len()
    }

    fn elements(&self) -> ItemsIter<'a> {
        ItemsIter { rest: self.items.iter(), budget: self.budget }
    }

    fn is_unique(&self) -> bool {
        unique::is_unique(self.items)
    }
}

/// The elements of a list, one after the other.
pub(crate) struct ItemsIter<'a> {
    rest: std::slice::Iter<'a, Value>,
    budget: Option<&'a Budget>,
}

impl<'a> Iterator for ItemsIter<'a> {
    type Item = Visited<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        Visited::inside(self.rest.next()?, self.budget)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_spent_budget_leaves_nothing_inside() {
        let value = json!([1, 2, 3]);
        let budget = Budget::new(2, 9);
        let items = Visited::within(&value, &budget).as_array().unwrap();
        assert_eq!(items.elements().count(), 2);
        assert!(budget.is_spent());
        assert_eq!(items.elements().count(), 0);
        assert_eq!(Visited::freely(&value).as_array().unwrap().elements().count(), 3);
    }

    #[test]
    fn too_many_faults_spend_it_too() {
        let value = json!({"a": 1});
        let budget = Budget::new(9, 1);
        let visited = Visited::within(&value, &budget);
        visited.to_value();
        assert!(!budget.is_spent());
        visited.to_value();
        assert!(budget.is_spent());
        assert!(visited.as_object().unwrap().get(&"a".to_owned()).is_none());
    }
}
