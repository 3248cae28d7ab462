//! Messages under way.

use super::queue::ROOM;
use kvsim_store::{MessageMeta, NodeId};

/// A message that some receivers are still to get.
pub struct Payload<M> {
    /// The message, shared by its receivers.
    pub message: M,
    /// Its outside.
    pub meta: MessageMeta,
    /// The sender.
    pub from: NodeId,
    /// Number of the event of its sending.
    pub sent: u64,
    /// Copies under way.
    copies: u32,
}

/// All messages under way; slots are used again.
pub struct Payloads<M> {
    slots: Vec<Option<Payload<M>>>,
    free: Vec<u32>,
}

impl<M> Payloads<M> {
    pub fn new() -> Payloads<M> {
        Payloads { slots: Vec::with_capacity(ROOM), free: Vec::with_capacity(ROOM) }
    }

    /// Puts a message in, to be [sealed](Payloads::seal); the number is for the queue.
    pub fn insert(&mut self, message: M, meta: MessageMeta, from: NodeId, sent: u64) -> u32 {
        let payload = Some(Payload { message, meta, from, sent, copies: 0 });
        match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = payload;
                slot
            }
            None => {
                self.slots.push(payload);
                (self.slots.len() - 1) as u32
            }
        }
    }

    /// The message in `slot`.
    pub fn get(&self, slot: u32) -> &Payload<M> {
        self.slots[slot as usize].as_ref().expect("a copy is under way")
    }

    /// So many copies of the message are under way; without any it is gone.
    pub fn seal(&mut self, slot: u32, copies: u32) {
        let place = &mut self.slots[slot as usize];
        if copies == 0 {
            *place = None;
            self.free.push(slot);
        } else {
            place.as_mut().expect("just inserted").copies = copies;
        }
    }

    /// One copy has arrived; the last one takes the message along.
    pub fn release(&mut self, slot: u32) {
        let place = &mut self.slots[slot as usize];
        let payload = place.as_mut().expect("a copy is under way");
        payload.copies -= 1;
        if payload.copies == 0 {
            *place = None;
            self.free.push(slot);
        }
    }
}
