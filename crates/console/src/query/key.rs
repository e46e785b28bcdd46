//! Query keys (`contract.md`, Console query keys) and the topics behind them.

use gangway_domain::{band::BarcodeId, ids::SessionId};
use serde::{Deserialize, Serialize};

use crate::error::ConsoleError;

/// Something whose data can change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// The dashboard's figures.
    DashboardStats,
    /// Live sessions.
    ActiveSessions,
    /// The day's performance.
    PerformanceMetrics,
    /// The live visit of a band.
    Band(BarcodeId),
    /// A visit.
    Session(SessionId),
    /// The lines sold to a band.
    HistoryOf(BarcodeId),
    /// The lines sold to each band, of which it is not known which changed.
    EveryHistory,
    /// The lines sold to all bands.
    History,
    /// Products on sale.
    Products,
    /// The settings.
    SystemSettings,
    /// Every line.
    Transactions,
    /// The wall.
    QueueDisplay,
    /// The charts of the day.
    DaySeries,
    /// The cart of another desk.
    Cart,
    /// What a person must look at.
    Attention,
    /// The way of this desk's newest commands.
    Commands,
    /// The link and the cache.
    SyncStatus,
}

impl Topic {
    /// The name that it is counted under.
    pub fn name(&self) -> &'static str {
        match self {
            Self::DashboardStats => "dashboardStats",
            Self::ActiveSessions => "activeSessions",
            Self::PerformanceMetrics => "performanceMetrics",
            Self::Band(_) | Self::Session(_) => "playerSession",
            Self::HistoryOf(_) | Self::EveryHistory | Self::History => "checkinHistory",
            Self::Products => "products",
            Self::SystemSettings => "systemSettings",
            Self::Transactions => "transactions",
            Self::QueueDisplay => "queueDisplay",
            Self::DaySeries => "daySeries",
            Self::Cart => "cart",
            Self::Attention => "attention",
            Self::Commands => "commands",
            Self::SyncStatus => "syncStatus",
        }
    }
}

/// The longest code of a band or id of a visit in a key.
const WHO_MAX_BYTES: usize = 1_024;

/// A key as the window wrote it: what is pushed carries exactly this.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct QueryKey {
    parts: Vec<String>,
    topics: Vec<Topic>,
}

impl QueryKey {
    /// Reads a key.
    ///
    /// # Errors
    /// `invalid_key`: there is no such key.
    pub fn parse(parts: Vec<String>) -> Result<Self, ConsoleError> {
        let words: Vec<&str> = parts.iter().map(String::as_str).collect();
        let topics = match words.as_slice() {
            ["dashboardStats"] => vec![Topic::DashboardStats],
            ["performanceMetrics"] => vec![Topic::PerformanceMetrics],
            ["activeSessions"] => vec![Topic::ActiveSessions],
            // No code and no id is so long, and a key is kept as it was written.
            [_, who] if who.len() > WHO_MAX_BYTES => {
                return Err(ConsoleError::InvalidKey("there is no band and no visit with so long a name".to_owned()));
            }
            // The text may be a visit's id or a band's code; what is pushed for either concerns this key.
            ["playerSession", who] => {
                let session = Topic::Session(SessionId::from(*who));
                std::iter::once(session).chain(BarcodeId::parse(who).ok().map(Topic::Band)).collect()
            }
            ["checkinHistory"] => vec![Topic::History],
            ["checkinHistory", band] => {
                let band = BarcodeId::parse(band).map_err(|error| ConsoleError::InvalidKey(error.to_string()))?;
                vec![Topic::HistoryOf(band)]
            }
            ["products"] => vec![Topic::Products],
            ["systemSettings"] => vec![Topic::SystemSettings],
            ["transactions"] => vec![Topic::Transactions],
            ["queueDisplay"] => vec![Topic::QueueDisplay],
            ["daySeries"] => vec![Topic::DaySeries],
            ["cart"] => vec![Topic::Cart],
            ["attention"] => vec![Topic::Attention],
            ["commands"] => vec![Topic::Commands],
            ["syncStatus"] => vec![Topic::SyncStatus],
            _ => {
                let shown: String = parts.join(", ").chars().take(120).collect();
                return Err(ConsoleError::InvalidKey(format!("there is no query [{shown}]")));
            }
        };
        Ok(Self { parts, topics })
    }

    /// Everything that it is about, the most exact first.
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// As it was written.
    pub fn parts(&self) -> &[String] {
        &self.parts
    }
}

impl TryFrom<Vec<String>> for QueryKey {
    type Error = ConsoleError;

    fn try_from(parts: Vec<String>) -> Result<Self, ConsoleError> {
        Self::parse(parts)
    }
}

impl From<QueryKey> for Vec<String> {
    fn from(key: QueryKey) -> Self {
        key.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(parts: &[&str]) -> Result<QueryKey, ConsoleError> {
        QueryKey::parse(parts.iter().map(|part| (*part).to_owned()).collect())
    }

    #[test]
    fn a_player_session_is_asked_by_visit_or_by_band() {
        let key = parse(&["playerSession", " b-7 "]).expect("a key");
        let band = BarcodeId::parse("B-7").expect("a band");
        assert_eq!(key.topics(), [Topic::Session(SessionId::from(" b-7 ")), Topic::Band(band)]);
        assert_eq!(serde_json::to_string(&key).expect("JSON"), r#"["playerSession"," b-7 "]"#);
    }

    #[test]
    fn what_is_no_key_is_refused_with_a_code() {
        let long = "x".repeat(WHO_MAX_BYTES + 1);
        for bad in [
            &[][..],
            &["nope"],
            &["playerSession"],
            &["playerSession", &long],
            &["products", "x"],
            &["checkinHistory", ""],
        ] {
            assert_eq!(parse(bad).map_err(|error| error.code()), Err("invalid_key"), "{bad:?}");
        }
    }
}
