//! Which venue this desk belongs to, and the file that remembers it.

use std::io::{ErrorKind, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::refusal::{Code, Refusal};

const FILE: &str = "venue.json";

/// A venue that this desk can open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// A seeded venue to try things on, hosted here.
    Demo,
    /// A venue hosted here.
    Host {
        /// Used when the venue is founded, ignored afterwards.
        venue_name: Option<String>,
    },
    /// A venue hosted elsewhere.
    Connect {
        /// Base address without a slash at the end.
        server: String,
    },
}

/// A [`Plan`] as the page and the file spell it; `none` before the first choice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VenueChoice {
    pub mode: Mode,
    #[serde(default)]
    pub server: Option<String>,
    #[serde(default)]
    pub venue_name: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    #[default]
    None,
    Demo,
    Host,
    Connect,
}

impl Plan {
    /// A plan to connect to `address` as a person types it; without a scheme it is http.
    pub fn connect(address: &str) -> Result<Self, Refusal> {
        let typed = address.trim();
        let spelled = if typed.contains("://") { typed.to_owned() } else { format!("http://{typed}") };
        tauri::Url::parse(&spelled)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .filter(|url| url.path() == "/" && url.query().is_none() && url.fragment().is_none())
            .filter(|url| url.username().is_empty() && url.password().is_none())
            .map(|url| Self::Connect { server: url.as_str().trim_end_matches('/').to_owned() })
            .ok_or_else(|| {
                Refusal::new(
                    Code::InvalidServer,
                    format!("{typed:?} is no address of a server. Write it like http://192.168.1.10:8787."),
                )
            })
    }
}

impl TryFrom<VenueChoice> for Plan {
    type Error = Refusal;

    fn try_from(choice: VenueChoice) -> Result<Self, Refusal> {
        match choice.mode {
            Mode::None => Err(Refusal::new(Code::InvalidChoice, "Choose the demo, hosting or a server.")),
            Mode::Demo => Ok(Self::Demo),
            Mode::Host => Ok(Self::Host { venue_name: choice.venue_name }),
            Mode::Connect => Self::connect(choice.server.as_deref().unwrap_or_default()),
        }
    }
}

impl From<Option<&Plan>> for VenueChoice {
    fn from(plan: Option<&Plan>) -> Self {
        match plan {
            None => Self::default(),
            Some(Plan::Demo) => Self { mode: Mode::Demo, ..Self::default() },
            Some(Plan::Host { venue_name }) => Self { mode: Mode::Host, server: None, venue_name: venue_name.clone() },
            Some(Plan::Connect { server }) => {
                Self { mode: Mode::Connect, server: Some(server.clone()), venue_name: None }
            }
        }
    }
}

/// The choice of the last time. A file that can't be read asks again instead of keeping the desk shut.
pub fn remembered(data_dir: &Path) -> Option<Plan> {
    let path = data_dir.join(FILE);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the chosen venue can't be read");
            return None;
        }
    };
    let choice = serde_json::from_slice::<VenueChoice>(&text).map_err(|error| error.to_string());
    match choice.and_then(|choice| Plan::try_from(choice).map_err(|refusal| refusal.to_string())) {
        Ok(plan) => Some(plan),
        Err(error) => {
            tracing::warn!(path = %path.display(), error, "the chosen venue makes no sense");
            None
        }
    }
}

/// Remembers `plan`. A crash leaves the old file or the new one, never half of one.
pub fn remember(data_dir: &Path, plan: &Plan) -> std::io::Result<()> {
    let text = serde_json::to_vec_pretty(&VenueChoice::from(Some(plan)))?;
    let fresh = data_dir.join(format!("{FILE}.new"));
    let mut file = std::fs::File::create(&fresh)?;
    file.write_all(&text)?;
    file.sync_all()?;
    std::fs::rename(&fresh, data_dir.join(FILE))?;
    sync_folder(data_dir)
}

/// The rename itself is durable only when the folder is.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_as_people_write_it() {
        let server = |typed| match Plan::connect(typed) {
            Ok(Plan::Connect { server }) => Some(server),
            _ => None,
        };
        assert_eq!(server(" 192.168.1.10:8787 ").as_deref(), Some("http://192.168.1.10:8787"));
        assert_eq!(server("https://park.example/").as_deref(), Some("https://park.example"));
        for bad in ["", "ftp://park", "http://", "http://a:b@park", "http://park/admin?x=1", "javascript:alert(1)"] {
            assert_eq!(server(bad), None, "{bad:?} was taken");
        }
    }

    #[test]
    fn a_choice_is_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(remembered(folder.path()), None);
        let plans = [
            Plan::Demo,
            Plan::Host { venue_name: Some("Jump Hall".to_owned()) },
            Plan::Connect { server: "http://desk:8787".to_owned() },
        ];
        for plan in plans {
            remember(folder.path(), &plan).expect("written");
            assert_eq!(remembered(folder.path()), Some(plan));
        }
    }

    #[test]
    fn a_broken_file_asks_again() {
        let folder = tempfile::tempdir().expect("a folder");
        for text in ["", "{", r#"{"mode":"none"}"#, r#"{"mode":"connect","server":"nowhere at all"}"#] {
            std::fs::write(folder.path().join(FILE), text).expect("written");
            assert_eq!(remembered(folder.path()), None, "{text:?} was taken");
        }
    }
}
