//! `--screenshot`: waits until the window shows the venue, saves what it shows and quits.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use tauri::{AppHandle, Manager, Runtime, WebviewWindow};

use crate::choice::Mode;
use crate::desk::Desk;
use crate::window::MAIN;

/// A page that has asked for nothing and painted nothing for so long shows all it has.
const STILL_TICKS: u32 = 8;
const TICK: Duration = Duration::from_millis(100);
/// A desk without a link never becomes live; its picture shows that.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// Takes the picture, then ends the program: 0 when the file shows the venue.
pub async fn take_and_quit<R: Runtime>(app: AppHandle<R>, file: PathBuf) {
    let code = match take(&app, &file).await {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("gangway: no picture of the venue: {error:#}");
            1
        }
    };
    app.exit(code);
}

async fn take<R: Runtime>(app: &AppHandle<R>, file: &Path) -> anyhow::Result<()> {
    let desk = app.state::<Desk>();
    let choice = desk.choice().await;
    let needs_sync = choice.as_ref().is_ok_and(|choice| choice.mode != Mode::None);
    let shown = async {
        let mut still = 0;
        let mut signs = 0;
        while still < STILL_TICKS {
            tokio::time::sleep(TICK).await;
            let now = desk.signs_of_life();
            let ready = now > 0 && now == signs && (!needs_sync || desk.is_in_sync());
            still = if ready { still + 1 } else { 0 };
            signs = now;
        }
    };
    if tokio::time::timeout(WAIT_MAX, shown).await.is_err() {
        tracing::warn!("the window did not come to rest; the picture shows it as it is");
    }
    let window = app.get_webview_window(MAIN).context("the window is closed")?;
    save(&window, file.to_owned()).await?;
    choice.map(drop).map_err(anyhow::Error::new)
}

/// Asks the web view itself, so that no screen, no compositor and no other program is needed.
#[cfg(target_os = "linux")]
async fn save<R: Runtime>(window: &WebviewWindow<R>, file: PathBuf) -> anyhow::Result<()> {
    use webkit2gtk::{SnapshotOptions, SnapshotRegion, WebViewExt};
    let (done, saved) = tokio::sync::oneshot::channel();
    window.with_webview(move |webview| {
        let view = webview.inner();
        let nothing: Option<&gtk::gio::Cancellable> = None;
        let size = gtk::prelude::WidgetExt::allocation(&view);
        view.snapshot(SnapshotRegion::Visible, SnapshotOptions::NONE, nothing, move |surface| {
            let result = surface.map_err(|error| anyhow!("the web view gives no picture: {error}"));
            let result = result.and_then(|surface| {
                let picture = gtk::gdk::pixbuf_get_from_surface(&surface, 0, 0, size.width(), size.height())
                    .context("the picture is empty")?;
                picture.savev(&file, "png", &[]).with_context(|| format!("{} can't be written", file.display()))
            });
            // Nobody waits any more when the program is ending.
            let _ = done.send(result);
        });
    })?;
    saved.await.map_err(|_| anyhow!("the window closed first"))?
}

#[cfg(not(target_os = "linux"))]
async fn save<R: Runtime>(_window: &WebviewWindow<R>, _file: PathBuf) -> anyhow::Result<()> {
    Err(anyhow!("this version takes pictures on Linux only"))
}
