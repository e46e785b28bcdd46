//! A link between a console and its server that misbehaves on demand: a TCP proxy of our own.
//!
//! ```text
//!  console ──▶ Proxy (a port that stays) ──▶ server (any port, may change)
//!                │
//!                ├─ Behaviour: how it treats connections and bytes, switched at any moment
//!                └─ Trap: holds one kind of request at one point of its way, so that a test can strike then
//! ```

mod pages;
mod tls;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::Runtime,
    sync::watch,
};

pub use tls::Certificates;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 256;
/// Bytes that are passed on at once.
const CHUNK_BYTES: usize = 16 << 10;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the console to the server.
    Up,
    /// From the server to the console.
    Down,
}

/// How the link treats what comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// As a good one.
    Pass,
    /// Each piece waits for a random time up to this long.
    Delay(Duration),
    /// Everything stands still, and goes on when the behaviour changes; new connections are accepted.
    Stall,
    /// Connections are accepted and nothing is said; those that stand or come now are dead for ever, and
    /// neither end is told.
    HalfOpen,
    /// One way stands still, the other goes on.
    OneWay {
        /// The way that stands still.
        silent: Way,
    },
    /// Each connection is reset when so many more bytes have gone this way.
    CutAfter {
        /// The way that is counted.
        way: Way,
        /// The bytes that still pass.
        bytes: usize,
    },
    /// Nobody listens.
    Refuse,
    /// Each request is answered 502 with a page of HTML.
    BadGateway,
    /// Each request is answered 302 to this address, as a captive portal does.
    Redirect(String),
    /// Each request is answered 200 with a page of HTML that asks for a room number.
    Login,
    /// Every so many connections one is reset at once.
    DropEvery(u64),
}

/// Where on its way a request is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Nothing of it has reached the server.
    BeforeRequest,
    /// Half of it has.
    MidRequest,
    /// The server has done it, and nothing of the answer has reached the console.
    BeforeAnswer,
    /// Half of the answer has.
    MidAnswer,
}

/// Holds requests that begin so at a point, until it is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// How the request begins, such as `POST /api/commands`.
    pub request: &'static str,
    /// Where it is held.
    pub point: Point,
}

/// One link; its connections are reset when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    plan: watch::Sender<Plan>,
    shared: Arc<Shared>,
    /// Never listens: it keeps the port while nobody does.
    _guard: TcpSocket,
}

/// What holds at a moment. Each change has a number, by which a connection knows whether it was there before.
#[derive(Clone, Debug)]
struct Plan {
    number: u64,
    behaviour: Behaviour,
    trap: Option<Trap>,
    /// Connections older than this are dead and are not told.
    deaf_before: u64,
    /// Connections older than this are reset.
    cut_before: u64,
}

struct Shared {
    target: Mutex<SocketAddr>,
    accepted: AtomicU64,
    reset: AtomicU64,
    trapped: AtomicU64,
    tls: Option<Mutex<Arc<tls::Acceptor>>>,
}

impl Shared {
    fn tls(&self) -> Option<Arc<tls::Acceptor>> {
        Some(self.tls.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Proxy {
    /// A link to `target` that passes, on a free port of loopback.
    pub fn to(target: SocketAddr) -> Self {
        Self::start(target, Ipv4Addr::LOCALHOST.into(), None)
    }

    /// The same at another address of this machine.
    pub fn at(ip: IpAddr, target: SocketAddr) -> Self {
        Self::start(target, ip, None)
    }

    /// A link that speaks TLS to the console, with these certificates.
    pub fn with_tls(target: SocketAddr, certificates: &Certificates) -> Self {
        Self::start(target, Ipv4Addr::LOCALHOST.into(), Some(tls::Acceptor::new(certificates)))
    }

    fn start(target: SocketAddr, ip: IpAddr, tls: Option<tls::Acceptor>) -> Self {
        let _inside = runtime().enter();
        let guard = socket(SocketAddr::new(ip, 0)).expect("a free port");
        let address = guard.local_addr().expect("it is bound");
        let behaviour = Behaviour::Pass;
        let plan = watch::Sender::new(Plan { number: 1, behaviour, trap: None, deaf_before: 0, cut_before: 0 });
        let shared = Arc::new(Shared {
            target: Mutex::new(target),
            accepted: AtomicU64::new(0),
            reset: AtomicU64::new(0),
            trapped: AtomicU64::new(0),
            tls: tls.map(|acceptor| Mutex::new(Arc::new(acceptor))),
        });
        // Listening is done when this returns: nobody is refused before the first change.
        let listener = listen(address).expect("the guard keeps the port for us");
        runtime().spawn(accept(listener, address, plan.subscribe(), shared.clone()));
        Self { address, plan, shared, _guard: guard }
    }

    /// Shows these certificates to who connects from now on, and resets what stands.
    pub fn show(&self, certificates: &Certificates) {
        if let Some(tls) = &self.shared.tls {
            *tls.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(tls::Acceptor::new(certificates));
        }
        self.cut();
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://IP:PORT`, or `https://localhost:PORT`.
    pub fn base(&self) -> String {
        match self.shared.tls {
            Some(_) => format!("https://localhost:{}", self.address.port()),
            None => format!("http://{}", self.address),
        }
    }

    /// New connections go to `target`, as after a restart on another port.
    pub fn lead_to(&self, target: SocketAddr) {
        *self.shared.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
    }

    /// Behaves so from now on. What replaces the server (a page, nobody) also resets what stands.
    pub fn set(&self, behaviour: Behaviour) {
        self.change(|plan| {
            if plan.behaviour == Behaviour::HalfOpen || behaviour == Behaviour::HalfOpen {
                plan.deaf_before = plan.number;
            }
            match behaviour {
                Behaviour::Refuse | Behaviour::BadGateway | Behaviour::Redirect(_) | Behaviour::Login => {
                    plan.cut_before = plan.number;
                }
                _ => {}
            }
            plan.behaviour = behaviour;
        });
    }

    /// Resets every connection that stands; new ones are treated as before.
    pub fn cut(&self) {
        self.change(|plan| plan.cut_before = plan.number);
    }

    /// Holds requests from now on, or lets go of them.
    pub fn trap(&self, trap: Option<Trap>) {
        self.change(|plan| plan.trap = trap);
    }

    fn change(&self, change: impl FnOnce(&mut Plan)) {
        self.plan.send_modify(|plan| {
            plan.number += 1;
            change(plan);
        });
    }

    /// Connections that it has accepted.
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Connections that it has reset.
    pub fn resets(&self) -> u64 {
        self.shared.reset.load(Ordering::Relaxed)
    }

    /// Requests that a trap has held.
    pub fn trapped(&self) -> u64 {
        self.shared.trapped.load(Ordering::Relaxed)
    }
}

/// The threads of all links of this process.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads")
    })
}

fn socket(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // The guard and the listener share the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    socket(address)?.listen(BACKLOG)
}

async fn accept(listener: TcpListener, address: SocketAddr, mut plan: watch::Receiver<Plan>, shared: Arc<Shared>) {
    let mut listener = Some(listener);
    loop {
        let refuses = plan.borrow_and_update().behaviour == Behaviour::Refuse;
        if refuses {
            listener = None;
            if plan.changed().await.is_err() {
                return;
            }
            continue;
        }
        let open = match listener.take() {
            Some(open) => open,
            None => listen(address).expect("the guard keeps the port for us"),
        };
        tokio::select! {
            accepted = open.accept() => if let Ok((client, _)) = accepted {
                drop(tokio::spawn(attend(client, plan.clone(), shared.clone())));
            },
            changed = plan.changed() => if changed.is_err() { return },
        }
        listener = Some(open);
    }
}

/// One connection, from its first byte to its end.
async fn attend(client: TcpStream, mut plan: watch::Receiver<Plan>, shared: Arc<Shared>) {
    let count = shared.accepted.fetch_add(1, Ordering::Relaxed) + 1;
    let (born, behaviour) = {
        let plan = plan.borrow_and_update();
        (plan.number, plan.behaviour.clone())
    };
    let _ = client.set_nodelay(true);
    // Once it is dropped, the peer is reset rather than told of an orderly end.
    let _ = client.set_zero_linger();
    let mut cut = plan.clone();
    // The link is gone: that ends its connections as well.
    let cut = async move { drop(cut.wait_for(|plan| plan.cut_before > born).await) };
    let pass = async {
        match behaviour {
            Behaviour::DropEvery(every) if count.is_multiple_of(every) => false,
            Behaviour::BadGateway | Behaviour::Redirect(_) | Behaviour::Login => {
                match shared.tls() {
                    Some(tls) => match tls.accept(client).await {
                        Ok(client) => pages::answer(client, &behaviour).await,
                        Err(_) => return false,
                    },
                    None => pages::answer(client, &behaviour).await,
                };
                true
            }
            _ => join(client, born, plan, &shared).await,
        }
    };
    let orderly = tokio::select! {
        () = cut => false,
        orderly = pass => orderly,
    };
    if !orderly {
        shared.reset.fetch_add(1, Ordering::Relaxed);
    }
}

/// Joins the two ends until either is gone. Whether it ended in order.
async fn join(client: TcpStream, born: u64, mut plan: watch::Receiver<Plan>, shared: &Arc<Shared>) -> bool {
    // A connection that is not answered does not reach the server either.
    let silent =
        |plan: &Plan| plan.deaf_before > born || matches!(plan.behaviour, Behaviour::Stall | Behaviour::HalfOpen);
    if plan.wait_for(|plan| !silent(plan)).await.is_err() {
        return false;
    }
    let target = *shared.target.lock().unwrap_or_else(PoisonError::into_inner);
    let Ok(server) = TcpStream::connect(target).await else { return false };
    let _ = server.set_nodelay(true);
    let _ = server.set_zero_linger();
    let link = Arc::new(Link { born, hot: AtomicBool::new(false), shared: shared.clone() });
    match shared.tls() {
        Some(tls) => match tls.accept(client).await {
            Ok(client) => pump_both(client, server, plan, link).await,
            Err(_) => false,
        },
        None => pump_both(client, server, plan, link).await,
    }
}

async fn pump_both(
    client: impl AsyncRead + AsyncWrite,
    server: TcpStream,
    plan: watch::Receiver<Plan>,
    link: Arc<Link>,
) -> bool {
    let (from_client, to_client) = tokio::io::split(client);
    let (from_server, to_server) = tokio::io::split(server);
    let up = Pump { way: Way::Up, plan: plan.clone(), link: link.clone(), counting_since: 0, passed: 0 };
    let down = Pump { way: Way::Down, plan, link, counting_since: 0, passed: 0 };
    tokio::try_join!(up.run(from_client, to_server), down.run(from_server, to_client)).is_ok()
}

/// What both ways of a connection share.
struct Link {
    born: u64,
    /// The request under way is one that the trap is for.
    hot: AtomicBool,
    shared: Arc<Shared>,
}

/// The connection is to be reset.
struct Reset;

/// One way of a connection.
struct Pump {
    way: Way,
    plan: watch::Receiver<Plan>,
    link: Arc<Link>,
    /// The change since when bytes are counted.
    counting_since: u64,
    passed: usize,
}

impl Pump {
    async fn run(mut self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> Result<(), Reset> {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = from.read(&mut chunk).await.map_err(|_| Reset)?;
            self.held().await?;
            if read == 0 {
                return to.shutdown().await.map_err(|_| Reset);
            }
            self.pass(&chunk[..read], &mut to).await?;
        }
    }

    async fn pass(&mut self, bytes: &[u8], to: &mut (impl AsyncWrite + Unpin)) -> Result<(), Reset> {
        let trap = self.plan.borrow().trap;
        let before = if let Some(point) = trap.and_then(|trap| self.springs(trap, bytes)) {
            let first = match point {
                Point::BeforeRequest | Point::BeforeAnswer => 0,
                Point::MidRequest | Point::MidAnswer => bytes.len() / 2,
            };
            to.write_all(&bytes[..first]).await.map_err(|_| Reset)?;
            self.link.shared.trapped.fetch_add(1, Ordering::Relaxed);
            self.plan.wait_for(|plan| plan.trap != trap).await.map_err(|_| Reset)?;
            self.held().await?;
            first
        } else {
            0
        };
        let bytes = &bytes[before..];
        let (number, behaviour) = {
            let plan = self.plan.borrow();
            (plan.number, plan.behaviour.clone())
        };
        match behaviour {
            Behaviour::Delay(longest) => {
                tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
            }
            Behaviour::CutAfter { way, bytes: allowed } if way == self.way => {
                if self.counting_since != number {
                    (self.counting_since, self.passed) = (number, 0);
                }
                if self.passed + bytes.len() > allowed {
                    to.write_all(&bytes[..allowed - self.passed]).await.map_err(|_| Reset)?;
                    let _ = to.flush().await;
                    return Err(Reset);
                }
                self.passed += bytes.len();
            }
            _ => {}
        }
        to.write_all(bytes).await.map_err(|_| Reset)?;
        // TLS keeps what it is not told to send.
        to.flush().await.map_err(|_| Reset)
    }

    /// Whether the trap is for these bytes, and where.
    fn springs(&self, trap: Trap, bytes: &[u8]) -> Option<Point> {
        match self.way {
            Way::Up => {
                // A client that keeps connections writes one request after the other's answer.
                let begins = |method: &&str| bytes.starts_with(method.as_bytes());
                let hot = bytes.starts_with(trap.request.as_bytes());
                if hot || ["GET ", "POST ", "PUT ", "DELETE "].iter().any(begins) {
                    self.link.hot.store(hot, Ordering::Relaxed);
                }
                Some(trap.point).filter(|point| hot && matches!(point, Point::BeforeRequest | Point::MidRequest))
            }
            Way::Down => {
                let hot = self.link.hot.swap(false, Ordering::Relaxed);
                Some(trap.point).filter(|point| hot && matches!(point, Point::BeforeAnswer | Point::MidAnswer))
            }
        }
    }

    /// Waits while this way stands still.
    async fn held(&mut self) -> Result<(), Reset> {
        let (way, born) = (self.way, self.link.born);
        let moves = |plan: &Plan| {
            let still = match plan.behaviour {
                Behaviour::Stall | Behaviour::HalfOpen => true,
                Behaviour::OneWay { silent } => silent == way,
                _ => false,
            };
            !still && plan.deaf_before <= born
        };
        self.plan.wait_for(moves).await.map(drop).map_err(|_| Reset)
    }
}
