//! The command line of `gangway`.

use std::path::PathBuf;

use clap::Parser;

use crate::choice::Plan;
use crate::refusal::Refusal;

/// The front-desk console of a timed-play venue.
///
/// Without --server, --host or --demo it opens the venue that was chosen last on this desk, or asks.
#[derive(Debug, Clone, Default, Parser)]
#[command(name = "gangway", version)]
pub struct Cli {
    /// Connect to the server of the venue, such as http://192.168.1.10:8787
    #[arg(long, value_name = "URL", conflicts_with_all = ["host", "demo"])]
    pub server: Option<String>,
    /// Host the venue in this program, at 127.0.0.1:8787
    #[arg(long)]
    pub host: bool,
    /// Host a demo venue in this program, apart from any real one
    #[arg(long)]
    pub demo: bool,
    /// Touch mode for visitors
    #[arg(long)]
    pub kiosk: bool,
    /// The screen on the wall
    #[arg(long)]
    pub display: bool,
    /// Keep the files of this desk there instead of in the user's data folder
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Save a PNG of the window once it shows the venue, then quit
    #[arg(long, value_name = "FILE")]
    pub screenshot: Option<PathBuf>,
    #[command(flatten)]
    pub look: Look,
}

/// How the window looks at the start: for pictures of every view.
#[derive(Debug, Clone, Default, Parser)]
pub struct Look {
    /// The view to open: checkin, gate, monitor, dashboard, products, settings, sync or attention
    #[arg(long, value_name = "NAME", hide = true, value_parser = word)]
    pub view: Option<String>,
    #[arg(long, value_name = "NAME", hide = true, value_parser = ["system", "light", "dark", "contrast"])]
    pub theme: Option<String>,
    #[arg(long, value_name = "CODE", hide = true, value_parser = ["en", "es"])]
    pub language: Option<String>,
    /// The inner size of the window
    #[arg(long, value_name = "WxH", hide = true, value_parser = size)]
    pub size: Option<(u32, u32)>,
}

impl Cli {
    /// The venue that the arguments name, if they name one.
    pub fn plan(&self) -> Result<Option<Plan>, Refusal> {
        if self.demo {
            return Ok(Some(Plan::Demo));
        }
        if self.host {
            return Ok(Some(Plan::Host { venue_name: None }));
        }
        self.server.as_deref().map(Plan::connect).transpose()
    }

    /// Why this version can't do what was asked, as one sentence.
    pub fn unsupported(&self) -> Option<&'static str> {
        match (self.kiosk, self.display) {
            (true, _) => Some("gangway: --kiosk is not part of this version yet; run gangway without it."),
            (_, true) => Some("gangway: --display is not part of this version yet; run gangway without it."),
            (false, false) => None,
        }
    }
}

/// A view's name becomes part of the page's address and is nothing but a word.
fn word(text: &str) -> Result<String, String> {
    let is_word = !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase());
    if is_word { Ok(text.to_owned()) } else { Err("a view is one lower-case word".to_owned()) }
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let side = |part: &str| part.parse::<u32>().ok().filter(|n| (320..=4096).contains(n));
    text.split_once('x')
        .and_then(|(width, height)| Some((side(width)?, side(height)?)))
        .ok_or_else(|| "a size is WIDTHxHEIGHT, each 320 to 4096".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("gangway").chain(args.iter().copied()))
    }

    #[test]
    fn the_arguments_name_a_venue() {
        let plan = |args: &[&str]| parse(args).expect("good arguments").plan().expect("a good address");
        assert_eq!(plan(&[]), None);
        assert_eq!(plan(&["--demo"]), Some(Plan::Demo));
        assert_eq!(plan(&["--host"]), Some(Plan::Host { venue_name: None }));
        assert_eq!(
            plan(&["--server", "http://desk:8787/"]),
            Some(Plan::Connect { server: "http://desk:8787".to_owned() })
        );
    }

    #[test]
    fn a_server_beside_hosting_is_bad_usage() {
        let error = parse(&["--server", "http://desk", "--demo"]).expect_err("they contradict each other");
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn modes_of_later_versions_are_refused_in_a_sentence() {
        for mode in ["--kiosk", "--display"] {
            let sentence = parse(&[mode]).expect("known arguments").unsupported().expect("a refusal");
            assert!(sentence.contains(mode), "{sentence}");
        }
    }

    #[test]
    fn a_view_and_a_size_are_checked() {
        assert!(parse(&["--view", "gate", "--size", "1080x1920"]).is_ok());
        for bad in [["--view", "#/gate"], ["--size", "12"], ["--size", "0x800"], ["--theme", "pink"]] {
            assert!(parse(&bad).is_err(), "{bad:?} was taken");
        }
    }
}
