//! Connections of clients. Each has one batch of commands with the store at a time, and reads on when the replies are written: so
//! none fills the store's queue, and one that does not take replies is not served.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

use crate::metrics::{Metrics, Shared};
use crate::resp::{Limits, Reply, head, take_request};
use crate::session::{Rules, Session, Step};
use crate::store::{Batch, Contexts, Input};

/// How clients are served.
#[derive(Debug)]
pub struct Service {
    /// The same for all.
    pub rules: Rules,
    /// What requests may have.
    pub limits: Limits,
    /// How many clients there may be.
    pub most: u64,
    /// Bytes that they may have under way, all together.
    pub memory: u64,
}

/// What those who have not said the password may send.
const BEFORE_PASSWORD: Limits = Limits { word: 1_024, words: 8, request: 4_096 };

/// So many commands go to the store at once.
const BATCH: usize = 256;

/// Bytes that are read at a time, and up to which replies are gathered.
const CHUNK: usize = 16 << 10;

/// Who takes nothing of a reply for so long is gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves clients until `stops`.
pub async fn listen(
    listener: TcpListener,
    service: Arc<Service>,
    store: Sender<Input>,
    shared: Arc<Shared>,
    mut stops: watch::Receiver<bool>,
) {
    let numbers = AtomicU64::new(1);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stops.changed() => return,
        };
        let Ok((mut stream, _)) = accepted else {
            // No more files may be open, mostly: it gets better when a client goes.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let metrics = &shared.metrics;
        if metrics.clients.load(Ordering::Relaxed) >= service.most {
            Metrics::add(&metrics.clients_refused_total, 1);
            // Who does not hear it sees the end.
            let _ = stream.try_write(b"-ERR max number of clients reached (--max-clients)\r\n");
            let _ = stream.shutdown().await;
            continue;
        }
        Metrics::add(&metrics.clients, 1);
        Metrics::add(&metrics.clients_accepted_total, 1);
        let session = Session::new(numbers.fetch_add(1, Ordering::Relaxed), &service.rules);
        let (service, store, shared, stops) = (service.clone(), store.clone(), shared.clone(), stops.clone());
        tokio::spawn(async move {
            let mut client = Client { stream, session, seen: Contexts::default(), service, store, shared, taken: 0 };
            let ended = client.serve(stops).await;
            client.take_room(0);
            let metrics = &client.shared.metrics;
            Metrics::sub(&metrics.clients, 1);
            if ended == End::ByNode {
                Metrics::add(&metrics.clients_ended_total, 1);
            }
        });
    }
}

/// Why a connection ends.
#[derive(PartialEq)]
enum End {
    ByClient,
    ByNode,
}

/// A connection.
struct Client {
    stream: TcpStream,
    session: Session,
    seen: Contexts,
    service: Arc<Service>,
    store: Sender<Input>,
    shared: Arc<Shared>,
    /// Bytes of the room for all clients that this one takes.
    taken: u64,
}

impl Client {
    async fn serve(&mut self, mut stops: watch::Receiver<bool>) -> End {
        // Replies are short and awaited.
        let _ = self.stream.set_nodelay(true);
        let mut buffer = BytesMut::new();
        loop {
            // While nothing comes, a connection takes no buffer.
            tokio::select! {
                biased;
                _ = stops.wait_for(|stops| *stops) => return End::ByNode,
                readable = self.stream.readable() => if readable.is_err() { return End::ByClient },
            }
            buffer.reserve(CHUNK);
            match self.stream.try_read_buf(&mut buffer) {
                Ok(0) => return End::ByClient,
                Ok(_) => {}
                Err(problem) if problem.kind() == std::io::ErrorKind::WouldBlock => continue,
                Err(_) => return End::ByClient,
            }
            loop {
                match self.batch(&mut buffer).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(end) => return end,
                }
            }
            if buffer.is_empty() {
                buffer = BytesMut::new();
            }
            if !self.take_room(buffer.capacity()) {
                let full = Reply::error("the room for what clients are sending is full (--client-memory): try again");
                let _ = self.write_all(&[(full, self.session.version)]).await;
                return End::ByNode;
            }
        }
    }

    /// This client takes so many bytes now; small ones do not count. False when there is no room.
    fn take_room(&mut self, bytes: usize) -> bool {
        let bytes = if bytes <= 2 * CHUNK { 0 } else { bytes as u64 };
        let room = &self.shared.metrics.client_bytes;
        let before = room.fetch_add(bytes, Ordering::Relaxed);
        room.fetch_sub(std::mem::replace(&mut self.taken, bytes), Ordering::Relaxed);
        bytes == 0 || before <= self.service.memory
    }

    /// Does some of the requests in the buffer. False when none is there whole.
    async fn batch(&mut self, buffer: &mut BytesMut) -> Result<bool, End> {
        // Which of the replies the store has to give.
        let (mut replies, mut places, mut commands) = (Vec::new(), Vec::new(), Vec::new());
        let (mut bytes, mut end) = (0, None);
        while replies.len() < BATCH && bytes <= self.service.limits.request && end.is_none() {
            let limits = if self.session.is_let_in() { self.service.limits } else { BEFORE_PASSWORD };
            match take_request(buffer, limits) {
                Ok(None) => break,
                Ok(Some(words)) if words.is_empty() => continue,
                Ok(Some(words)) => {
                    bytes += words.iter().map(|word| word.len()).sum::<usize>();
                    match self.session.take(&words, &self.service.rules) {
                        Step::Done(reply) => replies.push((reply, self.session.version)),
                        Step::Quit(reply) => {
                            replies.push((reply, self.session.version));
                            end = Some(End::ByClient);
                        }
                        Step::Ask(command) => {
                            places.push(replies.len());
                            commands.push(command);
                            replies.push((Reply::Nil, self.session.version));
                        }
                    }
                }
                Err(problem) => {
                    replies.push((Reply::error(format!("Protocol error: {problem}")), self.session.version));
                    end = Some(End::ByNode);
                }
            }
        }
        if replies.is_empty() {
            return Ok(false);
        }
        if !commands.is_empty() {
            let (respond, answered) = oneshot::channel();
            let batch = Batch { commands, seen: std::mem::take(&mut self.seen), respond };
            self.store.send(Input::Batch(batch)).map_err(|_| End::ByNode)?;
            let (answers, seen) = answered.await.map_err(|_| End::ByNode)?;
            self.seen = seen;
            places.into_iter().zip(answers).for_each(|(place, answer)| replies[place].0 = answer);
        }
        self.write_all(&replies).await?;
        end.map_or(Ok(true), Err)
    }

    /// Writes replies, a few at a time, so that few large values are copied at once.
    async fn write_all(&mut self, replies: &[(Reply, u8)]) -> Result<(), End> {
        let mut out = BytesMut::new();
        for (reply, version) in replies {
            let parts = match reply {
                Reply::List(parts) => {
                    head(b'*', parts.len(), &mut out);
                    &parts[..]
                }
                one => std::slice::from_ref(one),
            };
            for part in parts {
                part.write(*version, &mut out);
                if out.len() >= CHUNK {
                    self.flush(&mut out).await?;
                }
            }
        }
        self.flush(&mut out).await
    }

    async fn flush(&mut self, out: &mut BytesMut) -> Result<(), End> {
        while !out.is_empty() {
            match tokio::time::timeout(PATIENCE, self.stream.write_buf(out)).await {
                Ok(Ok(written)) if written > 0 => {}
                Ok(_) => return Err(End::ByClient),
                Err(_) => return Err(End::ByNode),
            }
        }
        Ok(())
    }
}
