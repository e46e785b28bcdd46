//! What rows that look otherwise do to the queries: as the rule table says of the events that change such rows.

use super::{
    key::Topic,
    rules::{Given, Op, Update},
};
use crate::overlay::Touched;

/// The updates, in the order of [`super::rules::PRIORITY`].
pub fn updates(touched: &Touched) -> Vec<Update> {
    let Touched { sessions, bands, histories, money, play, products, settings, attention, places: _ } = touched;
    let visits = !sessions.is_empty();
    let mut updates = Vec::new();
    let mut set = |wanted: bool, topic: Topic| {
        updates.extend(wanted.then_some(Update { topic, op: Op::Set(Given::Rows) }));
    };
    set(visits || *money || *settings, Topic::DashboardStats);
    set(visits, Topic::ActiveSessions);
    bands.iter().for_each(|band| set(true, Topic::Band(band.clone())));
    sessions.iter().for_each(|id| set(true, Topic::Session(id.clone())));
    set(*settings, Topic::SystemSettings);
    set(*attention, Topic::Attention);
    let mut invalidate = |wanted: bool, topic: Topic| {
        updates.extend(wanted.then_some(Update { topic, op: Op::Invalidate { fallback: false } }));
    };
    let of_the_day = visits || *play || *money || *settings;
    invalidate(of_the_day, Topic::PerformanceMetrics);
    invalidate(!histories.is_empty(), Topic::History);
    histories.iter().for_each(|band| invalidate(true, Topic::HistoryOf(band.clone())));
    invalidate(*products, Topic::Products);
    invalidate(!histories.is_empty(), Topic::Transactions);
    invalidate(visits || *settings, Topic::QueueDisplay);
    invalidate(of_the_day, Topic::DaySeries);
    updates
}

#[cfg(test)]
mod tests {
    use gangway_domain::{band::BarcodeId, ids::SessionId};

    use super::*;

    fn topics(touched: &Touched) -> Vec<&'static str> {
        updates(touched).iter().map(|update| update.topic.name()).collect()
    }

    #[test]
    fn nothing_touched_is_nothing_to_do() {
        assert_eq!(updates(&Touched::default()), []);
    }

    #[test]
    fn a_sale_reaches_every_query_that_its_events_would_reach() {
        let band = BarcodeId::parse("B-1").expect("a band");
        let touched = Touched {
            sessions: [SessionId::from("s")].into(),
            bands: [band.clone()].into(),
            histories: [band].into(),
            money: true,
            ..Touched::default()
        };
        assert_eq!(
            topics(&touched),
            [
                "dashboardStats",
                "activeSessions",
                "playerSession",
                "playerSession",
                "performanceMetrics",
                "checkinHistory",
                "checkinHistory",
                "transactions",
                "queueDisplay",
                "daySeries",
            ]
        );
    }

    #[test]
    fn the_catalogue_reaches_the_products_only() {
        assert_eq!(topics(&Touched { products: true, ..Touched::default() }), ["products"]);
    }
}
