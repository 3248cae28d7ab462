//! The store and its settings.

use std::collections::BTreeSet;

use kvsim_sim::plan::{StoreParams, Views};

use super::quantity::{Ack, Replication};
use super::raw::{self, ViewsText};
use super::source::Span;
use super::units::{self, Wrong};
use super::validate::Validator;
use crate::text::{listed, shown};

impl Validator<'_> {
    /// All settings but the views, which depend on the sessions' levels, see [`Validator::views`].
    pub(super) fn store(&mut self, store: &raw::Store) -> StoreParams {
        match self.store {
            None => {
                let known: Vec<&str> = self.names.stores.iter().map(|store| store.name).collect();
                self.wrong_name(store.name.span, "there is no store", &store.name.value, &known);
            }
            Some(known) => {
                let given = [
                    ("anti_entropy", store.anti_entropy.span),
                    ("strip", store.strip.span),
                    ("replication", store.replication.span),
                    ("ack", store.ack.span),
                    ("views", store.views.as_ref().and_then(|views| views.span)),
                    ("buffer", store.buffer.span),
                    ("heartbeat", store.heartbeat.span),
                    ("defects", store.defects.span),
                ];
                let by_argument = |span: Option<Span>| span.is_some_and(|span| self.sources.is_argument(span));
                let chosen = by_argument(store.name.span);
                let meant = given.map(|(name, span)| (name, span, span.is_some() && (!chosen || by_argument(span))));
                for (name, span, meant) in meant {
                    if meant && !known.settings.contains(&name) {
                        let message = format!("store {} has no setting `{name}`", known.name);
                        let expected = listed(known.settings.iter().copied(), "or");
                        self.wrong(span, message, expected);
                    }
                }
            }
        }
        let replication = self.replication(store);
        if let Some(nodes) = replication {
            self.holders = nodes;
        }
        let usual = StoreParams::default();
        // What another store of the file's name would understand means nothing to this one.
        let understood = |name: &str| self.store.is_some_and(|known| known.settings.contains(&name));
        let (has_buffer, has_heartbeat) = (understood("buffer"), understood("heartbeat"));
        let (has_defects, has_ack) = (understood("defects"), understood("ack"));
        let defects = if has_defects { self.defects(store) } else { Vec::new() };
        StoreParams {
            name: store.name.value.clone(),
            anti_entropy_ns: self.text(&store.anti_entropy, off_or_duration).flatten(),
            strip_ns: self.text(&store.strip, units::positive_duration).unwrap_or(1),
            replication,
            ack: if has_ack { self.ack(store) } else { usual.ack },
            views: Views::Eventual,
            buffer_bytes: self.text(&store.buffer, units::bytes).filter(|_| has_buffer).unwrap_or(usual.buffer_bytes),
            heartbeat_ns: self.text(&store.heartbeat, off_or_duration).flatten().filter(|_| has_heartbeat),
            defects,
        }
    }

    fn replication(&mut self, store: &raw::Store) -> Option<u16> {
        match &store.replication.value {
            Replication::Text(text) if text == "all" => None,
            Replication::Text(text) => {
                let wrong = format!("`{}` is not a number of nodes", shown(text));
                self.wrong(store.replication.span, wrong, format!("\"all\", or 1 to {}", self.replicas));
                None
            }
            Replication::Number(nodes) if *nodes > self.replicas => {
                let wrong = format!("a replication of {nodes} is more than there are replicas");
                self.wrong(store.replication.span, wrong, format!("at most {}", self.replicas));
                None
            }
            Replication::Number(nodes) => Some(*nodes),
        }
    }

    /// Once it is known how many nodes hold a key.
    fn ack(&mut self, store: &raw::Store) -> u16 {
        let holders = self.holders;
        match &store.ack.value {
            Ack::Text(text) if text == "majority" => holders / 2 + 1,
            Ack::Text(text) if text == "all" => holders,
            Ack::Number(replicas) if (1..=holders).contains(replicas) => *replicas,
            wrong => {
                let wrong = match wrong {
                    Ack::Text(text) => format!("`{}` is not a number of replicas", shown(text)),
                    Ack::Number(0) => "the asked replica always counts".to_owned(),
                    Ack::Number(replicas) => format!("{replicas} are more than hold a key"),
                };
                self.wrong(store.ack.span, wrong, format!("\"majority\", \"all\", or 1 to {holders}"));
                1
            }
        }
    }

    fn defects(&mut self, store: &raw::Store) -> Vec<String> {
        let known = self.store.map(|known| known.defects.clone()).unwrap_or_default();
        let mut named = BTreeSet::new();
        for defect in &store.defects.value {
            let name = defect.value.as_str();
            if !known.contains(&name) {
                self.wrong_name(
                    defect.span,
                    &format!("store {} has no planted defect", store.name.value),
                    name,
                    &known,
                );
            } else if !named.insert(name) {
                self.wrong(defect.span, format!("defect `{name}` is named twice"), "each defect once");
            }
        }
        named.into_iter().map(str::to_owned).collect()
    }

    /// The views that replicas keep, once the levels of all sessions are known.
    pub(super) fn views(&mut self, store: &raw::Store, params: &StoreParams) -> Views {
        let Some(known) = self.store.filter(|known| known.settings.contains(&"views")) else { return Views::Eventual };
        // Who needs all views, and where that is written.
        let needs = match (self.ordered, params.heartbeat_ns) {
            (Some((level, span)), _) => Some((format!("level {}", level.name()), span)),
            (None, Some(_)) => Some(("the heartbeat".to_owned(), store.heartbeat.span)),
            (None, None) => None,
        };
        let place = |span: Option<Span>| span.map_or("somebody".to_owned(), |span| self.sources.place(span));
        let views = match &store.views {
            Some(views) if views.value == ViewsText::Eventual => {
                if let Some((who, span)) = &needs {
                    let wrong = Wrong::new(format!("{who} needs views of all levels"), "\"all\"");
                    let help = format!("leave `views` out; {} asks for {who}", place(*span));
                    self.check::<()>(views.span, Err(wrong.help(help)));
                }
                return Views::Eventual;
            }
            Some(views) => Some(("all views".to_owned(), views.span)),
            None => needs,
        };
        let Some((who, span)) = views else { return Views::Eventual };
        if self.holders < self.replicas {
            let message = format!("store {} keeps ordered levels only where every node holds every key", known.name);
            let help = format!("{} asks for {who}", place(span));
            self.check::<()>(store.replication.span, Err(Wrong::new(message, "\"all\"").help(help)));
        }
        Views::All
    }
}

fn off_or_duration(text: &str) -> Result<Option<u64>, Wrong> {
    match text {
        "off" => Ok(None),
        text => units::positive_duration(text)
            .map(Some)
            .map_err(|wrong| Wrong { expected: format!("{}, or \"off\"", wrong.expected), ..wrong }),
    }
}
