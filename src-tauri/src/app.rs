//! Puts the program together: folder, window, venue, and an end that loses nothing.

use std::time::Duration;

use anyhow::Context;
use tauri::{AppHandle, Manager, RunEvent, Runtime};

use crate::choice::{self, Plan};
use crate::cli::Cli;
use crate::desk::Desk;
use crate::{folder, ipc, logs, pushes, screenshot, window};

/// A core that can't flush must not keep the desk from closing; what it had accepted is on disk anyway.
const CLOSING_MAX: Duration = Duration::from_secs(5);

/// Runs until the window is closed; the answer is the exit code.
pub fn run(cli: Cli, plan: Option<Plan>) -> anyhow::Result<i32> {
    let data_dir = folder::locate(cli.data_dir.as_deref())?;
    folder::create(&data_dir)?;
    screen_is_there()?;
    let app = builder(&cli).build(tauri::generate_context!())?;
    // From here on this is the only Gangway on the folder: a second one has handed over or says so.
    let _held = folder::hold(&data_dir)?;
    let _log = logs::start(&data_dir)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), data_dir = %data_dir.display(), "gangway opens");

    let plan = plan.or_else(|| choice::remembered(&data_dir));
    app.manage(Desk::new(data_dir, plan, pushes::to_window(app.handle().clone())));
    tauri::async_runtime::spawn(open_venue(app.handle().clone()));
    tauri::async_runtime::spawn(quit_when_told(app.handle().clone()));
    window::open(&app, &cli.look).context("the window can't be opened")?;
    if let Some(file) = cli.screenshot {
        tauri::async_runtime::spawn(screenshot::take_and_quit(app.handle().clone(), file));
    }
    Ok(app.run_return(|app, event| {
        if let RunEvent::Exit = event {
            close(app);
        }
    }))
}

/// The second start on the same user's folder shows the window of the first, where a session bus can tell
/// them of each other. A folder of one's own is a desk of its own, and a picture needs its own window.
fn builder(cli: &Cli) -> tauri::Builder<tauri::Wry> {
    let builder = tauri::Builder::default().invoke_handler(ipc::handler());
    if cli.data_dir.is_some() || cli.screenshot.is_some() {
        return builder;
    }
    builder.plugin(tauri_plugin_single_instance::init(|app, _args, _folder| window::raise(app)))
}

/// Says in a sentence what GTK would say in a panic.
#[cfg(target_os = "linux")]
fn screen_is_there() -> anyhow::Result<()> {
    gtk::init().map_err(|_| {
        anyhow::anyhow!("there is no screen to open the window on; start it in a desktop session or with xvfb-run")
    })
}

#[cfg(not(target_os = "linux"))]
fn screen_is_there() -> anyhow::Result<()> {
    Ok(())
}

/// Opens the venue while the page loads. The page asks for the choice and shows a refusal itself.
async fn open_venue<R: Runtime>(app: AppHandle<R>) {
    if let Err(refusal) = app.state::<Desk>().choice().await {
        tracing::error!(code = %refusal.code, "{refusal}");
    }
}

fn close<R: Runtime>(app: &AppHandle<R>) {
    let desk = app.state::<Desk>();
    let closing = async { tokio::time::timeout(CLOSING_MAX, desk.close()).await };
    match tauri::async_runtime::block_on(closing) {
        Ok(()) => tracing::info!("gangway is closed"),
        Err(_) => tracing::error!("closing took too long and was given up"),
    }
}

/// The system or a script asks the program to end.
#[cfg(unix)]
async fn quit_when_told<R: Runtime>(app: AppHandle<R>) {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        tracing::warn!("signals can't be heard; close the window to quit");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    app.exit(0);
}

#[cfg(not(unix))]
async fn quit_when_told<R: Runtime>(app: AppHandle<R>) {
    if tokio::signal::ctrl_c().await.is_ok() {
        app.exit(0);
    }
}
