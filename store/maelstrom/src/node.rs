//! A node: lines and time in, lines out. It reads no clock and does no I/O, so that it can be tested by itself.

use std::collections::{BTreeMap, BTreeSet};

use kvsim_host::disk::Disk;
use serde_json::{Map, Value as Json};

use crate::args::Args;
use crate::protocol::{Answer, Code, Envelope, MsgId, Refused, Request, inexact, line};
use crate::service::Service;

/// What a node wants to be written.
#[derive(Debug, Default)]
pub struct Lines {
    /// To standard output: messages.
    pub messages: Vec<String>,
    /// To standard error: for people.
    pub log: Vec<String>,
}

/// How many requests of a client are remembered, to tell copies from new ones.
const REMEMBERED: usize = 1_024;

/// So many characters are shown to people of a line that is no message.
const SHOWN: usize = 200;

/// A node of Maelstrom.
pub struct Node {
    args: Args,
    /// The service's, as soon as there is one.
    disk: Option<Box<dyn Disk>>,
    /// By client, its last requests.
    asked: BTreeMap<String, BTreeSet<MsgId>>,
    /// Absent until the node has been told who it is.
    service: Option<Service>,
    /// Its name; empty until then.
    name: String,
}

impl Node {
    /// One that has yet to be told who it is.
    pub fn new(args: Args, disk: Option<Box<dyn Disk>>) -> Node {
        Node { args, disk, asked: BTreeMap::new(), service: None, name: String::new() }
    }

    /// Takes a line of input.
    pub fn take(&mut self, text: &[u8], now_ns: u64, out: &mut Lines) {
        if text.trim_ascii().is_empty() {
            return;
        }
        let Envelope { src, dest, body } = match serde_json::from_slice(text) {
            Ok(envelope) => envelope,
            Err(problem) => return self.take_broken(text, &problem, out),
        };
        if self.service.is_some() && dest != self.name {
            return out.log.push(format!("a message for {dest} came to {}: dropped", self.name));
        }
        if let Some(service) = &mut self.service
            && service.is_peer(&src)
            && body.get("type").and_then(Json::as_str) == Some(Service::MESSAGE)
        {
            return service.take_message(&src, body, now_ns, out);
        }
        if body.contains_key("in_reply_to") {
            // Of lin-kv, to a value that was shown: nothing depends on it.
            return;
        }
        match body.get("msg_id").and_then(Json::as_i64) {
            Some(msg_id) => self.take_request(&src, &dest, msg_id, (&body, inexact(text)), now_ns, out),
            None => {
                out.log.push(format!("a message of {src} without a whole number as msg_id cannot be answered: dropped"))
            }
        }
    }

    /// A line that is no message. The sender is told where it can be recognised.
    fn take_broken(&mut self, text: &[u8], problem: &serde_json::Error, out: &mut Lines) {
        let shown: String = String::from_utf8_lossy(text).trim_end().chars().take(SHOWN).collect();
        out.log.push(format!("a line that is no message ({problem}): {shown}"));
        let Ok(Json::Object(fields)) = serde_json::from_slice::<Json>(text) else { return };
        let msg_id = fields.get("body").and_then(|body| body.get("msg_id")).and_then(Json::as_i64);
        if let (Some(src), Some(msg_id)) = (fields.get("src").and_then(Json::as_str), msg_id) {
            let name = fields.get("dest").and_then(Json::as_str).unwrap_or(&self.name);
            let refused = Refused(Code::MalformedRequest, format!("the message is not complete: {problem}"));
            out.messages.push(line(name, src, &Answer::Refused(refused).body(msg_id)));
        }
    }

    fn take_request(
        &mut self,
        client: &str,
        name: &str,
        msg_id: MsgId,
        (body, inexact): (&Map<String, Json>, Option<String>),
        now_ns: u64,
        out: &mut Lines,
    ) {
        if !self.is_new(client, msg_id) {
            return out
                .log
                .push(format!("request {msg_id} of {client} has come again: dropped, as its answer is on its way"));
        }
        let request = match inexact {
            Some(number) => {
                let problem = format!("the number {number} has more digits than are kept here; write it as a string");
                Err(Refused(Code::MalformedRequest, problem))
            }
            None => Request::of(body),
        };
        let answer = match (request, &mut self.service) {
            (Err(refused), _) => Some(Answer::Refused(refused)),
            (Ok(Request::Init { node_id, node_ids }), None) => Some(self.init(node_id, node_ids, now_ns, out)),
            (Ok(Request::Init { node_id, node_ids }), Some(service)) => Some(match service.is(&node_id, &node_ids) {
                true => Answer::Init,
                false => {
                    let problem = format!("this node is {} already, in another list of nodes", self.name);
                    Answer::Refused(Refused(Code::PreconditionFailed, problem))
                }
            }),
            (Ok(_), None) => {
                let problem = "this node waits for init".to_owned();
                Some(Answer::Refused(Refused(Code::TemporarilyUnavailable, problem)))
            }
            (Ok(request), Some(service)) => service.serve(client, msg_id, request, now_ns, out),
        };
        if let Some(answer) = answer {
            if let Answer::Refused(refused @ Refused(Code::NotSupported | Code::MalformedRequest, _)) = &answer {
                out.log.push(format!("request {msg_id} of {client}: {refused}"));
            }
            out.messages.push(line(name, client, &answer.body(msg_id)));
        }
    }

    /// Notes a request; false when it is a copy of one that was noted.
    fn is_new(&mut self, client: &str, msg_id: MsgId) -> bool {
        let asked = self.asked.entry(client.to_owned()).or_default();
        let is_new = asked.insert(msg_id);
        if asked.len() > REMEMBERED {
            asked.pop_first();
        }
        is_new
    }

    fn init(&mut self, node_id: String, node_ids: Vec<String>, now_ns: u64, out: &mut Lines) -> Answer {
        match Service::boot(&self.args, &mut self.disk, &node_id, node_ids, now_ns, out) {
            Ok(service) => {
                out.log.push(format!(
                    "node {node_id} of {}: level {}, read quorum {}, acknowledged by {}",
                    service.nodes(),
                    self.args.level.name(),
                    self.args.read_quorum,
                    self.args.ack,
                ));
                self.name = node_id;
                self.service = Some(service);
                Answer::Init
            }
            Err(refused) => Answer::Refused(refused),
        }
    }

    /// Does what is due.
    pub fn wake(&mut self, now_ns: u64, out: &mut Lines) {
        if let Some(service) = &mut self.service {
            service.wake(now_ns, out);
        }
    }

    /// When something will be due.
    pub fn next_ns(&self) -> Option<u64> {
        self.service.as_ref()?.next_ns()
    }

    /// Why the disk takes no more records, if so: the node cannot go on.
    pub fn disk_problem(&self) -> Option<&str> {
        self.service.as_ref()?.disk_problem()
    }

    /// The replica cannot go on: waiting clients are told that the outcome of their requests is unknown.
    pub fn crash(&mut self, why: &str, out: &mut Lines) {
        for open in self.service.take().map(Service::into_waiting).unwrap_or_default() {
            let refused = Refused(Code::Crash, why.to_owned());
            out.messages.push(line(&self.name, &open.client, &Answer::Refused(refused).body(open.msg_id)));
        }
    }
}
