//! Replies under way.

use crate::resp::Reply;

/// A command that has begun: its reply as far as it is there.
pub enum Slot {
    One(Reply),
    Sum(i64),
    List(Vec<Reply>),
    Scan(u32, Vec<Reply>),
    Failed(Reply),
}

impl Slot {
    /// A part of it has come.
    pub fn put(&mut self, place: usize, part: Reply) {
        match (&mut *self, part) {
            (Slot::Failed(_), _) => {}
            (slot, failed @ Reply::Error(_)) => *slot = Slot::Failed(failed),
            (Slot::One(reply), part) => *reply = part,
            (Slot::Sum(sum), Reply::Int(number)) => *sum += number,
            (Slot::Sum(_), _) => {}
            (Slot::List(all) | Slot::Scan(_, all), part) => all[place] = part,
        }
    }

    /// The whole, when all parts have come.
    pub fn reply(self) -> Reply {
        match self {
            Slot::One(reply) | Slot::Failed(reply) => reply,
            Slot::Sum(sum) => Reply::Int(sum),
            Slot::List(all) => Reply::List(all),
            Slot::Scan(cursor, mut keys) => {
                keys.retain(|key| *key != Reply::Nil);
                Reply::List(vec![Reply::Text(cursor.to_string()), Reply::List(keys)])
            }
        }
    }
}
