//! The window of the front desk.

use tauri::webview::{NewWindowResponse, PageLoadEvent};
use tauri::{AppHandle, Manager, Runtime, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

use crate::cli::Look;
use crate::desk::Desk;

/// The label of the window, and its name as a subscriber.
pub const MAIN: &str = "main";
const SIZE: (u32, u32) = (1280, 800);
const SIZE_MIN: (f64, f64) = (800.0, 600.0);

/// Opens the window. It needs a [`Desk`] in the state of `app`.
pub fn open<R: Runtime, M: Manager<R>>(app: &M, look: &Look) -> tauri::Result<WebviewWindow<R>> {
    let (width, height) = look.size.unwrap_or(SIZE);
    let mut window = WebviewWindowBuilder::new(app, MAIN, WebviewUrl::App(address(look).into()))
        .title("Gangway")
        .inner_size(f64::from(width), f64::from(height))
        // What the page stores belongs to this desk, not to everyone who runs a Gangway on this machine.
        .data_directory(app.state::<Desk>().data_dir().join("webview"))
        .on_navigation(is_own_page)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_page_load(|window, load| {
            if load.event() == PageLoadEvent::Started {
                window.state::<Desk>().forget(window.label());
            }
        });
    if look.size.is_none() {
        window = window.min_inner_size(SIZE_MIN.0, SIZE_MIN.1);
    }
    if let Some(script) = preferences(look) {
        window = window.initialization_script(script);
    }
    let window = window.build()?;
    speak(&window)?;
    Ok(window)
}

/// Where no language is set (`LANG=C.UTF-8`), WebKitGTK tells the page that the language is "C". `Intl`
/// refuses such a tag, and the page would stay blank.
#[cfg(target_os = "linux")]
fn speak<R: Runtime>(window: &WebviewWindow<R>) -> tauri::Result<()> {
    use webkit2gtk::{WebContextExt, WebViewExt};
    let names = gtk::glib::language_names();
    let first = names.first().map_or("C", |name| name.as_str());
    if !matches!(first.split(['.', '_', '@']).next(), Some("C" | "POSIX")) {
        return Ok(());
    }
    window.with_webview(|webview| {
        if let Some(context) = webview.inner().context() {
            context.set_preferred_languages(&["en-US"]);
        }
    })
}

#[cfg(not(target_os = "linux"))]
fn speak<R: Runtime>(_window: &WebviewWindow<R>) -> tauri::Result<()> {
    Ok(())
}

/// Brings the window to the front, for whoever starts Gangway a second time.
pub fn raise<R: Runtime>(app: &AppHandle<R>) {
    let Some(window) = app.get_webview_window(MAIN) else { return };
    if let Err(error) = window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus()) {
        tracing::warn!(%error, "the window can't be brought to the front");
    }
}

fn address(look: &Look) -> String {
    look.view.as_ref().map_or_else(|| "index.html".to_owned(), |view| format!("#/{view}"))
}

/// The page stays on the pages that were built with it; `tauri.localhost` is their name on Windows.
fn is_own_page(url: &Url) -> bool {
    let own = url.scheme() == "tauri" || url.host_str() == Some("tauri.localhost");
    own || (tauri::is_dev() && url.host_str() == Some("localhost"))
}

/// Sets what a person would set in the page, where the page keeps it.
fn preferences(look: &Look) -> Option<String> {
    let wishes = [("gangway.theme", &look.theme), ("gangway.language", &look.language)];
    let script: String = wishes
        .into_iter()
        .filter_map(|(name, wish)| Some((name, wish.as_ref()?)))
        .map(|(name, wish)| format!("localStorage.setItem({name:?}, {wish:?});"))
        .collect();
    (!script.is_empty()).then_some(script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_can_not_lead_away() {
        let own = |url: &str| is_own_page(&Url::parse(url).expect("an address"));
        assert!(own("tauri://localhost/#/gate"));
        for away in ["https://example.org/", "file:///etc/passwd", "data:text/html,x", "about:blank"] {
            assert!(!own(away), "{away} was allowed");
        }
    }

    #[test]
    fn a_look_becomes_an_address_and_preferences() {
        let look = Look { view: Some("gate".to_owned()), theme: Some("dark".to_owned()), ..Look::default() };
        assert_eq!(address(&look), "#/gate");
        assert_eq!(preferences(&look).as_deref(), Some(r#"localStorage.setItem("gangway.theme", "dark");"#));
        assert_eq!(preferences(&Look::default()), None);
    }
}
