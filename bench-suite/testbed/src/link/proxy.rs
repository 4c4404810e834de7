//! The proxy: listens, connects, delays, counts and breaks.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::Distance;
use super::line::Line;

/// Bytes of one read.
const CHUNK_BYTES: usize = 16 * 1024;

/// The most chunks on their way in one direction: beyond that, reading waits.
const CHUNKS: usize = 1024;

/// A link to one server. Dropping it ends the link and its connections.
pub struct Link {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

/// The counts of a link so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkCounts {
    /// Connections that reached the server.
    pub connections: u64,
    /// Connections that were closed before they reached the server.
    pub refused: u64,
    /// Connections that were cut.
    pub cut: u64,
    /// Bytes from clients.
    pub bytes_up: u64,
    /// Bytes from the server.
    pub bytes_down: u64,
}

struct Shared {
    upstream: SocketAddr,
    distance: Mutex<Distance>,
    open: Mutex<Vec<Arc<Pair>>>,
    stalled: Mutex<bool>,
    moved: Condvar, // signals a change of `stalled`
    refusing: AtomicBool,
    ending: AtomicBool,
    connections: AtomicU64,
    refused: AtomicU64,
    cut: AtomicU64,
    bytes_up: AtomicU64,
    bytes_down: AtomicU64,
}

/// Both ends of a connection.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    ended: AtomicU64, // directions that have ended
}

impl Link {
    /// Listens on a free port of loopback for clients of the server at `upstream`.
    pub fn start(upstream: SocketAddr, distance: Distance) -> Result<Link> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("can't get a port for the link")?;
        let address = listener.local_addr().context("can't read the link's port")?;
        let zero = || AtomicU64::new(0);
        let shared = Arc::new(Shared {
            upstream,
            distance: Mutex::new(distance),
            open: Mutex::new(Vec::new()),
            stalled: Mutex::new(false),
            moved: Condvar::new(),
            refusing: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            connections: zero(),
            refused: zero(),
            cut: zero(),
            bytes_up: zero(),
            bytes_down: zero(),
        });
        let acceptor = Arc::clone(&shared);
        let accepting = spawn("link", move || acceptor.accept(&listener))?;
        Ok(Link { address, shared, accepting: Some(accepting) })
    }

    /// The address that clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The counts so far.
    pub fn counts(&self) -> LinkCounts {
        let Shared { connections, refused, cut, bytes_up, bytes_down, .. } = &*self.shared;
        let get = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        LinkCounts {
            connections: get(connections),
            refused: get(refused),
            cut: get(cut),
            bytes_up: get(bytes_up),
            bytes_down: get(bytes_down),
        }
    }

    /// Sets the distance of the server. Open connections stay open: a benchmark is set up near and measured far.
    pub fn move_to(&self, distance: Distance) {
        *lock(&self.shared.distance) = distance;
    }

    /// Cuts all open connections, with everything on its way; returns their number.
    pub fn cut(&self) -> usize {
        let open = std::mem::take(&mut *lock(&self.shared.open));
        open.iter().for_each(|pair| pair.close());
        self.shared.cut.fetch_add(open.len() as u64, Ordering::SeqCst);
        open.len()
    }

    /// Closes new connections at once, like a proxy without a server behind it, or serves them again.
    pub fn refuse(&self, refusing: bool) {
        self.shared.refusing.store(refusing, Ordering::SeqCst);
    }

    /// Stops everything on its way, or lets it continue.
    pub fn stall(&self, stalled: bool) {
        *lock(&self.shared.stalled) = stalled;
        self.shared.moved.notify_all();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::SeqCst);
        self.stall(false);
        let woken = TcpStream::connect(self.address); // `accept` waits for a connection
        if let (Ok(_), Some(accepting)) = (woken, self.accepting.take()) {
            let _ = accepting.join(); // a panic of the thread was printed
        }
        self.cut();
    }
}

impl Shared {
    fn accept(self: Arc<Shared>, listener: &TcpListener) {
        let mut number = 0;
        for client in listener.incoming() {
            if self.ending.load(Ordering::SeqCst) {
                return;
            }
            let Ok(client) = client else { continue };
            if self.refusing.load(Ordering::SeqCst) || self.begin(&client, number).is_err() {
                self.refused.fetch_add(1, Ordering::SeqCst); // counted first, then closed
            }
            number += 2;
        }
    }

    /// Connects to the server and forwards in both directions. An error closes the client's connection.
    fn begin(self: &Arc<Shared>, client: &TcpStream, number: u64) -> Result<()> {
        let server = TcpStream::connect(self.upstream)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let pair = Arc::new(Pair { client: client.try_clone()?, server, ended: AtomicU64::new(0) });
        let began = Instant::now();
        let up = (pair.client.try_clone()?, pair.server.try_clone()?);
        let down = (pair.server.try_clone()?, pair.client.try_clone()?);
        lock(&self.open).push(Arc::clone(&pair));
        self.connections.fetch_add(1, Ordering::SeqCst);
        let directions = [(number, up), (number + 1, down)];
        let started = directions.into_iter().try_for_each(|(number, (from, to))| -> Result<()> {
            let (sender, receiver) = sync_channel(CHUNKS);
            let (line, reading) = (Line::new(&lock(&self.distance), number), Arc::clone(self));
            spawn("link-read", move || reading.read(from, line, began, &sender, number))?;
            let (writing, pair) = (Arc::clone(self), Arc::clone(&pair));
            spawn("link-write", move || writing.write(to, &receiver, began, &pair))?;
            Ok(())
        });
        if started.is_err() {
            pair.close(); // a direction is missing
            lock(&self.open).retain(|open| !Arc::ptr_eq(open, &pair));
        }
        started
    }

    fn read(
        &self,
        mut from: TcpStream,
        mut line: Line,
        began: Instant,
        to: &SyncSender<(Duration, Vec<u8>)>,
        number: u64,
    ) {
        let counter = if number.is_multiple_of(2) { &self.bytes_up } else { &self.bytes_down };
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Ok(bytes @ 1..) = from.read(&mut chunk) {
            counter.fetch_add(bytes as u64, Ordering::SeqCst);
            line.move_to(&lock(&self.distance));
            let due = line.due(began.elapsed(), bytes);
            if to.send((due, chunk[..bytes].to_vec())).is_err() {
                return;
            }
        }
    }

    fn write(&self, mut to: TcpStream, from: &Receiver<(Duration, Vec<u8>)>, began: Instant, pair: &Arc<Pair>) {
        while let Ok((due, chunk)) = from.recv() {
            std::thread::sleep(due.saturating_sub(began.elapsed()));
            let stalled = lock(&self.stalled);
            drop(self.moved.wait_while(stalled, |stalled| *stalled).unwrap_or_else(PoisonError::into_inner));
            if to.write_all(&chunk).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write); // an error means that it is closed already
        if pair.ended.fetch_add(1, Ordering::SeqCst) == 1 {
            lock(&self.open).retain(|open| !Arc::ptr_eq(open, pair));
        }
    }
}

impl Pair {
    fn close(&self) {
        let _ = self.client.shutdown(Shutdown::Both); // an error means that it is closed already
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).context("can't start a thread for the link")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that echoes, and its address.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                std::thread::spawn(move || {
                    let mut client = client.unwrap();
                    let mut bytes = [0; 64];
                    while let Ok(count @ 1..) = client.read(&mut bytes) {
                        if client.write_all(&bytes[..count]).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        address
    }

    fn ask(client: &mut TcpStream, question: &[u8]) -> std::io::Result<Vec<u8>> {
        client.write_all(question)?;
        let mut answer = vec![0; question.len()];
        client.read_exact(&mut answer)?;
        Ok(answer)
    }

    #[test]
    fn carries_both_ways_and_counts() {
        let link = Link::start(echo(), Distance::milliseconds(2)).unwrap();
        let mut client = TcpStream::connect(link.address()).unwrap();
        let began = Instant::now();
        assert_eq!(ask(&mut client, b"how far?").unwrap(), b"how far?");
        assert!(began.elapsed() >= Duration::from_millis(4), "a handshake and a round trip, never less");
        let long = vec![7; 3 * CHUNK_BYTES];
        let mut answers = client.try_clone().unwrap();
        let asking = {
            let long = long.clone();
            std::thread::spawn(move || client.write_all(&long))
        };
        let mut answer = vec![0; long.len()];
        answers.read_exact(&mut answer).unwrap();
        asking.join().unwrap().unwrap();
        assert_eq!(answer, long);
        let bytes = 8 + long.len() as u64;
        assert_eq!(
            link.counts(),
            LinkCounts { connections: 1, refused: 0, cut: 0, bytes_up: bytes, bytes_down: bytes }
        );
    }

    #[test]
    fn breaks_on_demand() {
        let link = Link::start(echo(), Distance::milliseconds(0)).unwrap();
        let mut client = TcpStream::connect(link.address()).unwrap();
        assert!(ask(&mut client, b"there?").is_ok());
        assert_eq!(link.cut(), 1);
        assert!(ask(&mut client, b"there?").is_err());
        link.refuse(true);
        let mut refused = TcpStream::connect(link.address()).unwrap();
        assert!(ask(&mut refused, b"there?").is_err());
        link.refuse(false);
        let mut client = TcpStream::connect(link.address()).unwrap();
        link.stall(true);
        client.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        assert!(ask(&mut client, b"there?").is_err(), "nothing comes through");
        link.stall(false);
        client.set_read_timeout(None).unwrap();
        let mut answer = [0; 6];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"there?", "and nothing was lost");
        let LinkCounts { connections, refused, cut, .. } = link.counts();
        assert_eq!((connections, refused, cut), (2, 1, 1));
    }

    #[test]
    fn a_server_that_is_not_there_is_a_refusal() {
        let nobody = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        let link = Link::start(nobody, Distance::milliseconds(0)).unwrap();
        let mut client = TcpStream::connect(link.address()).unwrap();
        assert!(ask(&mut client, b"there?").is_err());
        assert_eq!(link.counts().refused, 1);
    }
}
