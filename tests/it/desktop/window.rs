//! The window in the hands of WebKitWebDriver.

use std::{
    fs::File,
    future::Future,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use gangway_testkit::{PATIENCE, binary, until};
use serde_json::json;
use thirtyfour::{Capabilities, Key, prelude::*};

use super::display::Display;

const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a view may take to open before somebody presses again.
const PRESSED_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// An open window; closes when dropped, better by [`Window::close`].
pub(crate) struct Window {
    page: WebDriver,
    folder: PathBuf,
    // Dropped in this order: the driver takes the window along, and both need the display.
    driver: Driver,
    _display: Display,
}

/// A WebKitWebDriver process; ends when dropped.
struct Driver {
    process: Child,
    port: u16,
    log: PathBuf,
}

/// Runs a test that talks to windows.
pub(crate) fn run(test: impl Future<Output = ()>) {
    // The workspace's reqwest comes without a provider of its own; another test may have set it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(test);
}

/// Sends a signal to a process by its id.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
    assert!(sent.is_ok_and(|status| status.success()), "no signal to {pid}");
}

impl Window {
    /// Opens `gangway` with these arguments on a display of its own.
    pub(crate) async fn open(folder: &Path, arguments: &[&str]) -> Self {
        let display = Display::open();
        let driver = Driver::start(&display, folder);
        let mut all = vec!["--data-dir", folder.to_str().expect("a plain path")];
        all.extend_from_slice(arguments);
        let mut wanted = Capabilities::new();
        let browser = json!({ "binary": binary("gangway"), "args": all });
        wanted.set("webkitgtk:browserOptions", browser).expect("JSON");
        let page = WebDriver::new(format!("http://127.0.0.1:{}", driver.port), wanted).await;
        let page = page.unwrap_or_else(|error| panic!("no window: {error}; {}", driver.said()));
        Self { page, folder: folder.to_owned(), driver, _display: display }
    }

    /// Waits until something that `css` finds is there and shows.
    pub(crate) async fn sees(&self, css: &str) -> WebElement {
        let query = self.page.query(By::Css(css)).wait(PATIENCE, LOOK_EVERY).and_displayed();
        match query.first().await {
            Ok(element) => element,
            Err(error) => panic!("{css} does not show: {error}; the page says: {}", self.text().await),
        }
    }

    /// Presses what `css` finds, once it can be pressed.
    pub(crate) async fn press(&self, css: &str) {
        let query = self.page.query(By::Css(css)).wait(PATIENCE, LOOK_EVERY).and_clickable();
        let pressed = match query.first().await {
            Ok(element) => element.click().await,
            Err(error) => Err(error),
        };
        if let Err(error) = pressed {
            panic!("{css} can't be pressed: {error}; the page says: {}", self.text().await);
        }
    }

    /// Goes to a view. The first click into a window that has just opened may reach nothing under this driver: then, as
    /// a person would, it presses again.
    pub(crate) async fn goes_to(&self, view: &str) {
        let item = format!(r#"[data-testid="nav-{view}"]"#);
        let current = format!("{item}[aria-current]");
        for _ in 0..3 {
            self.press(&item).await;
            let query = self.page.query(By::Css(current.as_str())).wait(PRESSED_AGAIN_AFTER, LOOK_EVERY);
            if query.first().await.is_ok() {
                return;
            }
        }
        panic!("{view} does not open; the page says: {}", self.text().await);
    }

    /// Types a line into what `css` finds, as a scanner does.
    pub(crate) async fn enters(&self, css: &str, line: &str) {
        let field = self.sees(css).await;
        field.send_keys(line.to_owned() + Key::Enter).await.expect("the field takes text");
    }

    /// Types into what `css` finds, as a person does.
    pub(crate) async fn types(&self, css: &str, text: &str) {
        self.sees(css).await.send_keys(text).await.expect("the field takes text");
    }

    /// Leaves a mark that a page has only until it is loaded again.
    pub(crate) async fn marks_page(&self) {
        self.page.execute("window.mark = 1;", vec![]).await.expect("a script runs");
    }

    /// Whether the page is still the one that was marked.
    pub(crate) async fn is_marked_page(&self) -> bool {
        let mark = self.page.execute("return window.mark === 1;", vec![]).await.expect("a script runs");
        mark.convert::<bool>().expect("a boolean")
    }

    /// Loads the page again.
    pub(crate) async fn loads_again(&self) {
        self.page.refresh().await.expect("the page loads");
        assert!(!self.is_marked_page().await, "the page was not loaded again");
    }

    /// Closes the window and waits until everything has ended.
    pub(crate) async fn close(self) {
        self.page.quit().await.expect("the window closes");
        // The driver does not wait for the program, but the program holds its folder until it ends.
        let lock = self.folder.join("gangway.lock");
        until("the window's end", || File::open(&lock).ok()?.try_lock().ok());
    }

    /// Ends the program as a power cut does.
    pub(crate) fn kill(self) {
        signal(self.driver.window(), "KILL");
        let lock = self.folder.join("gangway.lock");
        until("the window's end", || File::open(&lock).ok()?.try_lock().ok());
        // Closing what is gone would take the driver two minutes.
        self.page.leak().expect("it was not closed");
    }

    async fn text(&self) -> String {
        match self.page.find(By::Tag("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        }
    }
}

impl Driver {
    fn start(display: &Display, folder: &Path) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        // A file, because the window inherits it: with a pipe its reader would wait for both.
        let log = folder.join("driver.log");
        let file = || File::options().create(true).append(true).open(&log).expect("a log");
        let mut command = Command::new("WebKitWebDriver");
        command.arg(format!("--port={port}")).arg("--host=127.0.0.1");
        command.env("DISPLAY", display.name()).env("TAURI_WEBVIEW_AUTOMATION", "true");
        command.env_remove("WAYLAND_DISPLAY");
        command.stdin(Stdio::null()).stdout(file()).stderr(file());
        let process = command.spawn().expect("WebKitWebDriver is installed (scripts/test does it)");
        let driver = Self { process, port, log };
        until("WebKitWebDriver", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok());
        driver
    }

    /// The process of the window that it opened.
    fn window(&self) -> u32 {
        let own = self.process.id().to_string();
        let is_child = |pid: &u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // `pid (name) state ppid …`; a name may hold anything.
            stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)) == Some(own.as_str())
        };
        let processes = std::fs::read_dir("/proc").expect("a /proc").flatten();
        let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.find(is_child).expect("the driver has a window")
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Told, not killed: it takes its window along.
        signal(self.process.id(), "TERM");
        let _ = self.process.wait();
    }
}
