//! Two pages: whether the node is ready, and what it counts. By hand, since a server of pages would be the largest part of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::{sleep, timeout};

use crate::metrics::Shared;
use crate::store::Input;

/// The longest request.
const REQUEST: usize = 8 << 10;
/// Who has not asked, or not taken the answer, within so long is gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many ask at a time.
const AT_ONCE: usize = 16;

/// Serves the pages until `stops`.
pub async fn listen(
    listener: TcpListener,
    store: Sender<Input>,
    shared: Arc<Shared>,
    mut stops: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stops.changed() => return,
        };
        let (Ok((mut stream, _)), Ok(place)) = (accepted, places.clone().acquire_owned().await) else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (store, shared) = (store.clone(), shared.clone());
        tokio::spawn(async move {
            let answered = async {
                let (status, text) = match asked(&mut stream).await.as_deref() {
                    Some("/ready") if shared.ready.load(Ordering::Acquire) => ("200 OK", "ready\n".to_owned()),
                    Some("/ready") => ("503 Service Unavailable", "not ready\n".to_owned()),
                    Some("/metrics") => {
                        let (answer, gauges) = oneshot::channel();
                        let _ = store.send(Input::Gauges(answer));
                        ("200 OK", shared.metrics.text(&gauges.await.unwrap_or_default()))
                    }
                    Some(_) => ("404 Not Found", "the pages are /ready and /metrics\n".to_owned()),
                    None => ("400 Bad Request", "that is no request: GET /ready HTTP/1.1\n".to_owned()),
                };
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
                     Connection: close\r\n\r\n",
                    text.len()
                );
                let _ = stream.write_all((head + &text).as_bytes()).await;
                let _ = stream.shutdown().await;
            };
            let _ = timeout(PATIENCE, answered).await;
            drop(place);
        });
    }
}

/// The page that is asked for.
async fn asked(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if request.len() > REQUEST || stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
    let line = String::from_utf8_lossy(&request[..request.iter().position(|byte| *byte == b'\r')?]).into_owned();
    let mut words = line.split(' ');
    let (method, page) = (words.next()?, words.next()?);
    (method == "GET" && words.next()?.starts_with("HTTP/1.")).then(|| page.split('?').next().unwrap_or(page).to_owned())
}
