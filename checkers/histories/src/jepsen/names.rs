//! Numbers for keys and values.

use rustc_hash::FxHashMap;

use crate::edn::Edn;

/// Values with numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    ints: FxHashMap<i64, u32>,
    others: FxHashMap<Edn, u32>,
    pub(super) list: Vec<Edn>,
}

impl Names {
    pub(super) fn number(&mut self, value: &Edn) -> u32 {
        let known = match value {
            Edn::Int(int) => self.ints.get(int),
            other => self.others.get(other),
        };
        if let Some(number) = known {
            return *number;
        }
        let number = self.list.len() as u32;
        self.list.push(value.clone());
        match value {
            Edn::Int(int) => self.ints.insert(*int, number),
            other => self.others.insert(other.clone(), number),
        };
        number
    }
}
