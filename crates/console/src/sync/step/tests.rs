use gangway_domain::ids::{Epoch, EventId, Position, Seq};
use serde_json::json;

use super::*;
use crate::sync::{message::EventsPage, state::LinkState};

const LINK: LinkId = 1;

fn id(seq: Seq) -> EventId {
    EventId(format!("id-{seq}"))
}

fn event(prev: Seq, seq: Seq, last: Seq) -> LoggedEvent {
    let name = "session:play".to_owned();
    LoggedEvent { seq, prev, last, id: id(seq), command_id: None, name, payload: json!({}), changes: Vec::new() }
}

/// Events of a unit each, one after the other.
fn events(seqs: std::ops::RangeInclusive<Seq>) -> Vec<LoggedEvent> {
    seqs.map(|seq| event(seq - 1, seq, seq)).collect()
}

fn held(epoch: &str, seq: Seq) -> Held {
    Held { position: Position { epoch: Epoch::from(epoch), seq }, event_id: Some(id(seq)) }
}

fn page(head: Seq, through: Seq, events: Vec<LoggedEvent>) -> EventsPage {
    EventsPage { epoch: Epoch::from("e"), head, through, events, server_time: None }
}

fn head(head: Seq, seq: Seq, hash: Option<&str>) -> Incoming {
    let state_hash = hash.map(str::to_owned);
    let epoch = Epoch::from("e");
    Incoming::Head(SyncHead { epoch, head, seq, server_time: None, state_hash, interval_ms: 5_000 })
}

struct Bench {
    state: State,
    now_ms: u64,
}

impl Bench {
    /// A console that holds the log up to `seq` and has no link.
    fn holding(seq: Seq) -> Self {
        Self { state: State::new(Some(held("e", seq)), &format!("hash-{seq}"), false), now_ms: 10_000 }
    }

    /// A console that is live at `seq`, long enough ago that the next catch-up may start at once.
    fn live(seq: Seq) -> Self {
        let mut bench = Self::holding(seq);
        bench.give(Input::Connecting);
        bench.give(Input::Up { link: LINK });
        bench.page(page(seq, seq, Vec::new()));
        assert_eq!(bench.state.link_state(), LinkState::Live);
        bench.now_ms += 2_000;
        bench.hear(head(seq, seq, None));
        bench
    }

    fn give(&mut self, input: Input) -> Vec<Effect> {
        let effects = step(&mut self.state, Moment { now_ms: self.now_ms, fraction: 0.5 }, input);
        // The cache does as it is told: each unit's hash is named after its end.
        let ends: Vec<(Seq, String)> = applied(&effects).iter().map(|seq| (*seq, format!("hash-{seq}"))).collect();
        if ends.is_empty() {
            return effects;
        }
        let more =
            step(&mut self.state, Moment { now_ms: self.now_ms, fraction: 0.5 }, Input::Applied { hashes: ends });
        effects.into_iter().chain(more).collect()
    }

    fn hear(&mut self, incoming: Incoming) -> Vec<Effect> {
        self.give(Input::Heard { link: LINK, incoming })
    }

    fn event(&mut self, event: LoggedEvent) -> Vec<Effect> {
        self.hear(Incoming::Event { epoch: Epoch::from("e"), event })
    }

    fn page(&mut self, page: EventsPage) -> Vec<Effect> {
        let fetch = self.state.fetches;
        self.give(Input::Page { fetch, page })
    }

    fn later(&mut self, ms: u64) -> Vec<Effect> {
        self.now_ms += ms;
        self.give(Input::Tick)
    }

    fn staged(&mut self, held: Held, named: Option<&str>) -> Vec<Effect> {
        let (fetch, hash) = (self.state.fetches, format!("hash-{}", held.position.seq));
        self.give(Input::SnapshotStaged { fetch, held, hash, named: named.map(str::to_owned) })
    }
}

/// The ends of the units that are applied, in order.
fn applied(effects: &[Effect]) -> Vec<Seq> {
    let units = effects.iter().filter_map(|effect| match effect {
        Effect::Apply { units, .. } => Some(units),
        _ => None,
    });
    units.flatten().filter_map(|Unit(events)| events.last().map(|event| event.seq)).collect()
}

fn notes(effects: &[Effect]) -> Vec<&Note> {
    effects.iter().filter_map(|effect| if let Effect::Note(note) = effect { Some(note) } else { None }).collect()
}

fn asked_after(effects: &[Effect]) -> Option<Seq> {
    effects.iter().find_map(|effect| match effect {
        Effect::FetchEvents { after, .. } => Some(after.after),
        _ => None,
    })
}

fn snapshot_asked(effects: &[Effect]) -> Option<SnapshotReason> {
    effects.iter().find_map(|effect| match effect {
        Effect::FetchSnapshot { reason, .. } => Some(*reason),
        _ => None,
    })
}

// === following

#[test]
fn an_event_that_follows_is_applied() {
    let mut bench = Bench::live(7);
    let effects = bench.event(event(7, 8, 8));
    assert_eq!(applied(&effects), [8]);
    assert_eq!(bench.state.held, Some(held("e", 8)));
    assert_eq!(bench.state.link_state(), LinkState::Live);
}

#[test]
fn an_event_whose_prev_is_far_back_still_follows() {
    // A room that sees few events: nothing that this desk may see is between 3 and 9.
    let mut bench = Bench::live(7);
    assert_eq!(applied(&bench.event(event(3, 9, 9))), [9]);
}

#[test]
fn a_repeat_is_dropped_without_a_word() {
    let mut bench = Bench::live(7);
    bench.event(event(7, 8, 8));
    assert_eq!(bench.event(event(7, 8, 8)), []);
    assert_eq!(bench.event(event(6, 7, 7)), [], "the one that the cache stands at");
}

#[test]
fn a_place_from_the_past_with_another_id_is_counted_and_looked_into() {
    let mut bench = Bench::live(7);
    bench.event(event(7, 8, 8));
    let forged = LoggedEvent { id: EventId::from("forged"), ..event(7, 8, 8) };
    let effects = bench.event(forged);
    assert!(matches!(notes(&effects)[..], [Note::Impossible(_)]));
    assert_eq!(asked_after(&effects), Some(8));
    assert_eq!(bench.state.cursor(), 8, "nothing is changed by it");
}

#[test]
fn a_gap_is_not_live_and_asks_for_what_follows_the_cursor() {
    let mut bench = Bench::live(7);
    let effects = bench.event(event(8, 9, 9));
    assert_eq!(notes(&effects), [&Note::Gap]);
    assert_eq!(asked_after(&effects), Some(7));
    assert_eq!(applied(&effects), Vec::<Seq>::new());
    assert_eq!(bench.state.link_state(), LinkState::CatchingUp);
    let effects = bench.page(page(9, 9, events(8..=9)));
    assert_eq!(applied(&effects), [8, 9]);
    assert_eq!(bench.state.link_state(), LinkState::Live);
}

// === units

#[test]
fn a_unit_that_is_split_over_messages_is_applied_at_its_last_in_one() {
    let mut bench = Bench::live(7);
    assert_eq!(applied(&bench.event(event(7, 8, 10))), Vec::<Seq>::new());
    assert_eq!(applied(&bench.event(event(8, 9, 10))), Vec::<Seq>::new());
    assert_eq!(bench.state.cursor(), 7, "half a sale shows nowhere");
    let effects = bench.event(event(9, 10, 10));
    let [Effect::Apply { units, held: stands }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(units.len(), 1);
    assert_eq!(units[0].0.len(), 3);
    assert_eq!(*stands, held("e", 10));
}

#[test]
fn a_repeat_within_a_unit_is_dropped() {
    let mut bench = Bench::live(7);
    bench.event(event(7, 8, 9));
    assert_eq!(bench.event(event(7, 8, 9)), []);
    let effects = bench.event(event(8, 9, 9));
    let [Effect::Apply { units, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(units[0].0.len(), 2);
}

#[test]
fn a_unit_whose_last_event_is_not_for_this_desk_ends_with_the_next_one() {
    let mut bench = Bench::live(7);
    bench.event(event(7, 8, 9));
    let effects = bench.event(event(8, 10, 10));
    assert_eq!(applied(&effects), [8, 10]);
}

#[test]
fn a_unit_that_is_cut_off_is_replaced_by_the_whole_one_of_the_log() {
    let mut bench = Bench::live(7);
    bench.event(event(7, 8, 9));
    let effects = bench.event(event(9, 10, 10));
    assert_eq!(asked_after(&effects), Some(7), "the log is asked from where the cache stands");
    let effects = bench.page(page(10, 10, vec![event(7, 8, 9), event(8, 9, 9), event(9, 10, 10)]));
    assert_eq!(applied(&effects), [9, 10]);
    assert_eq!(bench.state.link_state(), LinkState::Live);
}

// === the socket only rings

#[test]
fn another_epoch_on_the_socket_changes_nothing_and_asks_once_a_second() {
    let mut bench = Bench::live(7);
    let foreign = || Incoming::Event { epoch: Epoch::from("other"), event: event(7, 8, 8) };
    let effects = bench.hear(foreign());
    assert_eq!(notes(&effects), [&Note::OtherEpoch(Epoch::from("other"))]);
    assert_eq!(asked_after(&effects), Some(7));
    assert_eq!(bench.state.held, Some(held("e", 7)));
    assert_eq!(bench.state.link_state(), LinkState::Live, "a rumour makes nobody's screen stale");
    bench.page(page(7, 7, Vec::new()));
    for _ in 0..50 {
        assert_eq!(asked_after(&bench.hear(foreign())), None, "not twice in a second");
    }
    assert_eq!(asked_after(&bench.later(1_000)), Some(7));
}

#[test]
fn a_wild_seq_leads_to_one_catch_up_and_is_forgotten() {
    let mut bench = Bench::live(7);
    let wild = event(999_999, 1_000_000, 1_000_000);
    assert_eq!(asked_after(&bench.event(wild)), Some(7));
    let effects = bench.page(page(7, 7, Vec::new()));
    assert!(matches!(notes(&effects)[..], [Note::Impossible(_)]), "{effects:?}");
    assert_eq!(bench.state.link_state(), LinkState::Live);
    assert_eq!(bench.state.head, 7, "the head is not adopted from the socket");
    assert_eq!(bench.later(1_000), []);
}

#[test]
fn malformed_events_ask_at_most_once_a_second_and_one_at_a_time() {
    let mut bench = Bench::live(7);
    assert_eq!(asked_after(&bench.give(Input::Malformed { link: LINK })), Some(7));
    for _ in 0..20 {
        assert_eq!(bench.give(Input::Malformed { link: LINK }), []);
    }
    bench.now_ms += 3_000;
    assert_eq!(bench.give(Input::Malformed { link: LINK }), [], "one is still running");
    let effects = bench.page(page(7, 7, Vec::new()));
    assert_eq!(asked_after(&effects), Some(7), "what was wanted meanwhile follows, once");
    bench.page(page(7, 7, Vec::new()));
    assert_eq!(bench.later(1_000), []);
}

#[test]
fn lost_signals_are_a_gap() {
    let mut bench = Bench::live(7);
    let effects = bench.give(Input::Overflow { link: LINK });
    assert_eq!(notes(&effects), [&Note::Gap]);
    assert_eq!(asked_after(&effects), Some(7));
}

#[test]
fn what_an_earlier_link_says_is_ignored() {
    let mut bench = Bench::live(7);
    let incoming = Incoming::Event { epoch: Epoch::from("e"), event: event(7, 8, 8) };
    assert_eq!(bench.give(Input::Heard { link: 99, incoming }), []);
    assert_eq!(bench.give(Input::Down { link: 99 }), []);
    assert_eq!(bench.give(Input::Malformed { link: 99 }), []);
    assert_eq!(bench.give(Input::Overflow { link: 99 }), []);
    assert_eq!(bench.state.link_state(), LinkState::Live);
}

// === catching up

#[test]
fn a_link_is_live_only_when_every_page_is_applied() {
    let mut bench = Bench::holding(7);
    bench.give(Input::Connecting);
    assert_eq!(bench.state.link_state(), LinkState::Connecting);
    assert_eq!(asked_after(&bench.give(Input::Up { link: LINK })), Some(7));
    let effects = bench.page(page(10, 8, events(8..=8)));
    assert_eq!(asked_after(&effects), Some(8), "the next page follows at once");
    assert_eq!(bench.state.link_state(), LinkState::CatchingUp);
    let effects = bench.page(page(10, 10, events(9..=10)));
    assert_eq!(effects.last(), Some(&Effect::ConfirmLink));
    assert_eq!(bench.state.link_state(), LinkState::Live);
}

#[test]
fn the_cursor_moves_to_where_the_page_is_complete() {
    let mut bench = Bench::holding(7);
    bench.give(Input::Up { link: LINK });
    bench.page(page(9, 9, events(8..=8)));
    assert_eq!(bench.state.cursor(), 9, "9 is not for this desk");
    assert_eq!(bench.state.held.as_ref().and_then(|held| held.event_id.clone()), None, "whose id it does not know");
}

#[test]
fn events_that_come_during_a_fetch_wait_and_follow_it() {
    let mut bench = Bench::live(7);
    bench.event(event(8, 9, 9));
    assert_eq!(bench.event(event(9, 10, 10)), [], "one catch-up at a time");
    let effects = bench.page(page(9, 9, events(8..=9)));
    assert_eq!(applied(&effects), [8, 9, 10]);
    assert_eq!(asked_after(&effects), None);
    assert_eq!(bench.state.link_state(), LinkState::Live);
}

#[test]
fn a_hole_among_the_events_that_waited_is_fetched_a_second_later() {
    let mut bench = Bench::live(7);
    bench.event(event(8, 9, 9));
    bench.event(event(11, 12, 12));
    let effects = bench.page(page(9, 9, events(8..=9)));
    assert_eq!(asked_after(&effects), None);
    assert_eq!(bench.state.link_state(), LinkState::CatchingUp);
    assert_eq!(asked_after(&bench.later(1_000)), Some(9));
    bench.page(page(12, 12, events(10..=12)));
    assert_eq!(bench.state.cursor(), 12);
    assert_eq!(bench.state.link_state(), LinkState::Live);
}

#[test]
fn what_a_page_repeats_is_not_applied_again_and_what_follows_it_goes_on() {
    let mut bench = Bench::live(7);
    // The first half of a unit, whose other half never comes over this link.
    bench.event(event(7, 8, 9));
    bench.event(event(9, 10, 10));
    let effects = bench.page(page(10, 10, events(7..=10)));
    assert_eq!(applied(&effects), [8, 9, 10], "7 is known");
    assert_eq!(applied(&bench.event(event(10, 11, 11))), [11], "nothing of the half is left");
    assert_eq!(bench.state.link_state(), LinkState::Live);
}

#[test]
fn an_answer_to_an_earlier_fetch_is_ignored() {
    let mut bench = Bench::live(7);
    bench.event(event(8, 9, 9));
    let stale = bench.state.fetches - 1;
    assert_eq!(bench.give(Input::Page { fetch: stale, page: page(9, 9, events(8..=9)) }), []);
    let (held, hash) = (held("e", 9), "hash-9".to_owned());
    assert_eq!(bench.give(Input::SnapshotStaged { fetch: stale, held, hash, named: None }), []);
    assert_eq!(bench.give(Input::SnapshotRequired { fetch: stale }), []);
    assert_eq!(bench.give(Input::FetchFailed { fetch: stale }), []);
    assert_eq!(bench.state.cursor(), 7);
    bench.page(page(9, 9, events(8..=9)));
    assert_eq!((bench.state.cursor(), bench.state.link_state()), (9, LinkState::Live), "the awaited one still counts");
}

#[test]
fn a_heartbeat_that_was_ahead_is_forgotten_as_soon_as_its_events_are_here() {
    let mut bench = Bench::live(7);
    bench.hear(head(8, 8, None));
    bench.event(event(7, 8, 8));
    assert_eq!(bench.later(1), [], "nothing is missing");
    // Had the first been remembered, its moment of grace would be over already.
    bench.now_ms += 2_000;
    bench.hear(head(9, 9, None));
    assert_eq!(bench.later(1), [], "the next one has a moment of its own");
    assert_eq!(bench.state.link_state(), LinkState::Live);
}

#[test]
fn a_failed_fetch_is_tried_again_later_and_later() {
    let mut bench = Bench::holding(7);
    bench.give(Input::Up { link: LINK });
    for failures in 1..=4 {
        let fetch = bench.state.fetches;
        assert_eq!(bench.give(Input::FetchFailed { fetch }), []);
        assert_eq!(bench.later(999), [], "never within a second");
        let wait_ms = retry_ms(failures, 0.5);
        bench.hear(head(7, 7, None));
        assert_eq!(bench.later(wait_ms - 1_000), []);
        assert_eq!(asked_after(&bench.later(1)), Some(7));
        assert_eq!(bench.state.link_state(), LinkState::CatchingUp);
    }
    assert!(retry_ms(4, 0.5) > retry_ms(1, 0.5));
    assert!(retry_ms(40, 1.0) <= RETRY_MAX_MS);
}

#[test]
fn a_page_that_leads_nowhere_is_a_failed_fetch_and_not_a_loop() {
    let mut bench = Bench::holding(7);
    bench.give(Input::Up { link: LINK });
    let effects = bench.page(page(10, 7, Vec::new()));
    assert!(matches!(notes(&effects)[..], [Note::Impossible(_)]));
    assert_eq!(asked_after(&effects), None);
}

// === snapshots

#[test]
fn without_a_cache_a_snapshot_comes_first_and_then_what_happened_meanwhile() {
    let mut bench = Bench { state: State::new(None, "", false), now_ms: 10_000 };
    let effects = bench.give(Input::Up { link: LINK });
    assert_eq!(snapshot_asked(&effects), Some(SnapshotReason::Behind));
    assert_eq!(bench.event(event(4, 5, 5)), [], "nothing is there that it could follow");
    let effects = bench.staged(held("e", 5), Some("hash-5"));
    assert_eq!(effects[0], Effect::Swap { held: held("e", 5) });
    assert_eq!(asked_after(&effects), Some(5));
    bench.page(page(6, 6, events(6..=6)));
    assert_eq!(bench.state.link_state(), LinkState::Live);
    assert!(!bench.state.in_sync(), "no heartbeat was compared yet");
}

#[test]
fn a_heartbeat_that_came_before_the_first_snapshot_is_compared_with_it() {
    let mut bench = Bench { state: State::new(None, "", false), now_ms: 10_000 };
    bench.give(Input::Up { link: LINK });
    bench.hear(head(5, 5, Some("hash-5")));
    bench.staged(held("e", 5), Some("hash-5"));
    bench.page(page(5, 5, Vec::new()));
    assert!(bench.state.in_sync());
}

#[test]
fn a_log_that_can_not_say_leads_to_a_snapshot() {
    let mut bench = Bench::live(7);
    bench.event(event(8, 9, 9));
    let fetch = bench.state.fetches;
    let effects = bench.give(Input::SnapshotRequired { fetch });
    assert_eq!(snapshot_asked(&effects), Some(SnapshotReason::Behind));
    assert_eq!(bench.state.held, Some(held("e", 7)), "the old cache answers meanwhile");
    let effects = bench.staged(held("new", 3), Some("hash-3"));
    assert_eq!(effects[0], Effect::Swap { held: held("new", 3) });
    assert_eq!(bench.state.head, 3, "the head of another log is no head of this one");
}

#[test]
fn a_page_of_another_log_leads_to_a_snapshot() {
    let mut bench = Bench::holding(7);
    bench.give(Input::Up { link: LINK });
    let other = EventsPage { epoch: Epoch::from("other"), ..page(9, 9, events(8..=9)) };
    let effects = bench.page(other);
    assert_eq!(applied(&effects), Vec::<Seq>::new());
    assert_eq!(snapshot_asked(&effects), Some(SnapshotReason::Behind));
}

#[test]
fn a_page_that_leaves_a_hole_leads_to_a_snapshot() {
    let mut bench = Bench::holding(7);
    bench.give(Input::Up { link: LINK });
    let effects = bench.page(page(9, 9, events(9..=9)));
    assert_eq!(applied(&effects), Vec::<Seq>::new());
    assert!(snapshot_asked(&effects).is_some());
}

#[test]
fn a_snapshot_that_breaks_off_starts_again_and_the_old_cache_stays() {
    let mut bench = Bench::holding(7);
    bench.give(Input::Up { link: LINK });
    let fetch = bench.state.fetches;
    bench.give(Input::SnapshotRequired { fetch });
    let fetch = bench.state.fetches;
    assert_eq!(bench.give(Input::FetchFailed { fetch }), []);
    assert_eq!(bench.state.held, Some(held("e", 7)));
    bench.hear(head(7, 7, None));
    let effects = bench.later(4_000);
    assert_eq!(snapshot_asked(&effects), Some(SnapshotReason::Behind));
}

#[test]
fn a_snapshot_whose_rows_are_not_those_that_it_names_is_counted() {
    for (named, counted) in [(Some("hash-7"), 0), (Some("another"), 1), (None, 0)] {
        let mut bench = Bench::holding(7);
        bench.give(Input::Up { link: LINK });
        let fetch = bench.state.fetches;
        bench.give(Input::SnapshotRequired { fetch });
        let effects = bench.staged(held("e", 7), named);
        let mismatches = notes(&effects).into_iter().filter(|note| matches!(note, Note::HashMismatch { .. })).count();
        assert_eq!(mismatches, counted, "{named:?}");
    }
}

#[test]
fn a_server_whose_snapshots_are_never_followed_is_asked_less_and_less() {
    let mut bench = Bench::holding(7);
    bench.give(Input::Up { link: LINK });
    let fetch = bench.state.fetches;
    assert!(snapshot_asked(&bench.give(Input::SnapshotRequired { fetch })).is_some());
    bench.staged(held("e", 7), None);
    let fetch = bench.state.fetches;
    let effects = bench.give(Input::SnapshotRequired { fetch });
    assert_eq!(snapshot_asked(&effects), None, "not in a loop");
    bench.hear(head(7, 7, None));
    assert!(snapshot_asked(&bench.later(RETRY_MAX_MS / 10)).is_some());
}

#[test]
fn events_that_a_snapshot_overtook_mean_nothing() {
    let mut bench = Bench::live(7);
    bench.event(event(9, 10, 10));
    let fetch = bench.state.fetches;
    bench.give(Input::SnapshotRequired { fetch });
    bench.staged(held("e", 12), Some("hash-12"));
    assert_eq!(bench.event(event(10, 11, 11)), []);
    bench.page(page(12, 12, Vec::new()));
    assert_eq!(bench.event(event(11, 12, 12)), []);
    assert_eq!(bench.state.link_state(), LinkState::Live);
    bench.hear(head(12, 12, None));
    let effects = bench.event(event(10, 11, 11));
    assert!(matches!(notes(&effects)[..], [Note::Impossible(_)]), "after the next heartbeat none can be on its way");
}

// === the heartbeat

#[test]
fn in_sync_means_equal_hashes_on_this_link() {
    let mut bench = Bench::live(7);
    assert!(!bench.state.in_sync());
    bench.hear(head(7, 7, Some("hash-7")));
    assert!(bench.state.in_sync());
    bench.event(event(7, 8, 8));
    assert!(bench.state.in_sync(), "what follows does not undo it");
    bench.hear(head(8, 7, Some("hash-7")));
    assert!(bench.state.in_sync(), "compared at exactly the seq that it names");
    bench.hear(head(8, 8, None));
    assert!(!bench.state.in_sync(), "not comparable is not green");
    bench.hear(head(8, 8, Some("hash-8")));
    bench.give(Input::Down { link: LINK });
    assert!(!bench.state.in_sync());
    bench.give(Input::Up { link: 2 });
    bench.page(page(8, 8, Vec::new()));
    assert_eq!(bench.state.link_state(), LinkState::Live);
    assert!(!bench.state.in_sync(), "a new link has to agree anew");
}

#[test]
fn a_mismatch_is_counted_and_repaired_by_a_snapshot() {
    let mut bench = Bench::live(7);
    bench.hear(head(7, 7, Some("hash-7")));
    bench.now_ms += 1_000;
    let effects = bench.hear(head(7, 7, Some("another")));
    let mismatch = Note::HashMismatch { seq: 7, ours: "hash-7".to_owned(), theirs: "another".to_owned() };
    assert_eq!(notes(&effects), [&mismatch]);
    assert_eq!(snapshot_asked(&effects), Some(SnapshotReason::Repair));
    assert!(!bench.state.in_sync());
    bench.staged(held("e", 7), Some("hash-7"));
    bench.page(page(7, 7, Vec::new()));
    assert!(!bench.state.in_sync());
    bench.hear(head(7, 7, Some("hash-7")));
    assert!(bench.state.in_sync());
}

#[test]
fn a_mismatch_that_stays_is_repaired_less_and_less_often() {
    let mut bench = Bench::live(7);
    let mut snapshots = 0;
    for _ in 0..60 {
        bench.now_ms += 5_000;
        let mut effects = bench.hear(head(7, 7, Some("another")));
        effects.extend(bench.give(Input::Tick));
        if snapshot_asked(&effects).is_some() {
            snapshots += 1;
            bench.staged(held("e", 7), None);
            bench.page(page(7, 7, Vec::new()));
        }
    }
    assert!((3..30).contains(&snapshots), "{snapshots} in five minutes");
}

#[test]
fn a_hash_ahead_of_the_cursor_is_compared_when_it_is_reached() {
    let mut bench = Bench::live(7);
    assert_eq!(notes(&bench.hear(head(8, 8, Some("hash-8")))), Vec::<&Note>::new());
    assert!(!bench.state.in_sync());
    bench.event(event(7, 8, 8));
    assert!(bench.state.in_sync());
    bench.hear(head(9, 9, Some("another")));
    let effects = bench.event(event(8, 9, 9));
    assert!(notes(&effects).iter().any(|note| matches!(note, Note::HashMismatch { seq: 9, .. })));
}

#[test]
fn a_hash_further_ahead_waits_for_its_place() {
    let mut bench = Bench::live(7);
    bench.hear(head(9, 9, Some("hash-9")));
    bench.event(event(7, 8, 8));
    assert!(!bench.state.in_sync(), "8 is not the place that it names");
    bench.event(event(8, 9, 9));
    assert!(bench.state.in_sync());
}

#[test]
fn a_hash_that_is_older_than_those_kept_says_nothing() {
    let mut bench = Bench::live(7);
    for seq in 8..200 {
        bench.event(event(seq - 1, seq, seq));
    }
    assert_eq!(notes(&bench.hear(head(199, 20, Some("whatever")))), Vec::<&Note>::new());
    bench.hear(head(199, 199 - 60, Some("hash-139")));
    assert!(bench.state.in_sync(), "the last 64 are kept");
}

#[test]
fn a_heartbeat_ahead_of_its_events_is_a_gap_after_a_moment() {
    let mut bench = Bench::live(7);
    let effects = bench.hear(head(9, 7, Some("hash-7")));
    assert_eq!(asked_after(&effects), None, "the events may be right behind it");
    assert_eq!(bench.state.deadline_ms(), Some(bench.now_ms + BEHIND_GRACE_MS));
    assert_eq!(bench.later(BEHIND_GRACE_MS - 1), [], "they still may");
    let effects = bench.later(1);
    assert_eq!(notes(&effects), [&Note::Gap]);
    assert_eq!(asked_after(&effects), Some(7));
}

#[test]
fn the_own_server_is_known_by_its_answer_and_not_by_its_address() {
    let mut bench = Bench::holding(7);
    assert!(!bench.state.is_own_server(), "nobody answers");
    bench.give(Input::Up { link: LINK });
    assert!(!bench.state.is_own_server(), "it has said nothing yet");
    bench.page(page(7, 7, Vec::new()));
    assert!(bench.state.is_own_server(), "it goes on from what is held");
    bench.give(Input::Down { link: LINK });
    assert!(!bench.state.is_own_server());
}

#[test]
fn a_heartbeat_whose_events_come_right_behind_it_is_no_gap() {
    let mut bench = Bench::live(7);
    bench.hear(head(8, 7, Some("hash-7")));
    bench.event(event(7, 8, 8));
    assert_eq!(bench.later(BEHIND_GRACE_MS), []);
    assert_eq!(bench.state.link_state(), LinkState::Live);
}

#[test]
fn the_outcome_of_a_command_that_no_event_follows_is_looked_into() {
    let mut bench = Bench::live(7);
    bench.give(Input::HeadKnown { seq: 9 });
    assert_eq!(bench.state.head, 9);
    assert_eq!(asked_after(&bench.later(BEHIND_GRACE_MS)), Some(7));
}

#[test]
fn silence_is_noticed_when_two_heartbeats_in_a_row_did_not_come() {
    let mut bench = Bench::live(7);
    let up_ms = bench.now_ms;
    assert_eq!(bench.state.deadline_ms(), Some(up_ms + 10_000), "the first is due with the link");
    // Late heartbeats are no silence.
    for late_ms in [4_000, 9_000, 9_999, 1_000] {
        assert_eq!(bench.later(late_ms), []);
        bench.hear(head(7, 7, None));
    }
    let last_ms = bench.now_ms;
    assert_eq!(bench.later(9_999), []);
    let effects = bench.later(1);
    assert_eq!(effects, [Effect::Note(Note::Silence), Effect::DropLink { link: LINK }]);
    assert_eq!(bench.now_ms, last_ms + 10_000, "two intervals after the last");
    assert_eq!(bench.state.link_state(), LinkState::Offline);
    assert_eq!(bench.state.deadline_ms(), None);
}

#[test]
fn an_event_after_the_last_heartbeat_puts_nothing_off_and_events_in_its_place_keep_the_link() {
    let mut bench = Bench::live(7);
    bench.hear(head(7, 7, None));
    let head_ms = bench.now_ms;
    bench.later(4_900);
    bench.event(event(7, 8, 8));
    assert_eq!(bench.state.deadline_ms(), Some(head_ms + 10_000), "cut then, it is noticed as if it had not come");
    // A heartbeat that waits behind many events: the link speaks.
    for seq in 9..20 {
        bench.later(2_000);
        bench.event(event(seq - 1, seq, seq));
        assert_ne!(bench.state.link_state(), LinkState::Offline, "{seq}");
    }
    let heard_ms = bench.now_ms;
    assert_eq!(bench.state.deadline_ms(), Some(heard_ms + 5_000));
    assert_eq!(bench.later(5_000), [Effect::Note(Note::Silence), Effect::DropLink { link: LINK }]);
}

#[test]
fn a_link_that_ends_takes_its_fetch_with_it() {
    let mut bench = Bench::live(7);
    bench.event(event(8, 9, 9));
    assert_eq!(bench.give(Input::Down { link: LINK }), [Effect::CancelFetch]);
    let fetch = bench.state.fetches;
    assert_eq!(bench.give(Input::Page { fetch, page: page(9, 9, events(8..=9)) }), []);
}

// === the file

#[test]
fn a_cache_that_can_not_be_written_stands_where_it_says_and_is_fetched_anew() {
    let mut bench = Bench::live(7);
    bench.event(event(7, 8, 8));
    assert_eq!(snapshot_asked(&bench.give(Input::ApplyFailed { held: Some(held("e", 7)) })), None);
    assert_eq!(bench.state.cursor(), 7);
    assert_eq!(bench.state.link_state(), LinkState::CatchingUp);
    assert_eq!(bench.later(retry_ms(1, 0.5) - 1), [], "a disk that fails is not asked without a pause");
    let effects = bench.later(1);
    assert_eq!(snapshot_asked(&effects), Some(SnapshotReason::Repair));
}

#[test]
fn what_was_asked_for_after_rows_that_could_not_be_written_does_not_count() {
    let mut bench = Bench::live(7);
    bench.give(Input::FileDiffers);
    let effects = bench.staged(held("e", 12), Some("hash-12"));
    assert!(matches!(effects.last(), Some(Effect::FetchEvents { .. })), "{effects:?}");
    let fetch = bench.state.fetches;
    assert!(bench.give(Input::ApplyFailed { held: Some(held("e", 7)) }).contains(&Effect::CancelFetch));
    assert_eq!(bench.give(Input::Page { fetch, page: page(12, 12, Vec::new()) }), []);
    assert_eq!(bench.state.cursor(), 7, "the rows up to 12 are not here");
}

#[test]
fn one_snapshot_repairs_whatever_is_found_while_it_comes_and_a_failed_one_is_asked_again() {
    let mut bench = Bench::live(7);
    assert_eq!(snapshot_asked(&bench.give(Input::FileDiffers)), Some(SnapshotReason::Repair));
    let fetch = bench.state.fetches;
    bench.give(Input::FetchFailed { fetch });
    bench.hear(head(7, 7, None));
    let effects = bench.later(retry_ms(1, 0.5));
    assert_eq!(snapshot_asked(&effects), Some(SnapshotReason::Repair), "still a repair");
    assert_eq!(snapshot_asked(&bench.give(Input::FileDiffers)), None, "one is on its way");
    bench.staged(held("e", 7), Some("hash-7"));
    let effects = bench.page(page(7, 7, Vec::new()));
    assert_eq!(snapshot_asked(&effects), None);
    assert_eq!(bench.state.link_state(), LinkState::Live);
}

#[test]
fn a_file_that_somebody_changed_is_not_in_sync_and_is_fetched_anew() {
    let mut bench = Bench::live(7);
    bench.hear(head(7, 7, Some("hash-7")));
    let effects = bench.give(Input::FileDiffers);
    assert!(!bench.state.in_sync());
    assert_eq!(snapshot_asked(&effects), Some(SnapshotReason::Repair));
    bench.staged(held("e", 7), Some("hash-7"));
    bench.page(page(7, 7, Vec::new()));
    bench.hear(head(7, 7, Some("hash-7")));
    assert!(bench.state.in_sync());
}

#[test]
fn a_file_that_was_changed_between_two_runs_is_fetched_anew_with_the_first_link() {
    let mut bench = Bench { state: State::new(Some(held("e", 7)), "tampered", true), now_ms: 10_000 };
    let effects = bench.give(Input::Up { link: LINK });
    assert_eq!(snapshot_asked(&effects), Some(SnapshotReason::Repair));
}

#[test]
fn each_heartbeat_is_the_moment_to_look_at_the_file() {
    let mut bench = Bench::live(7);
    assert!(bench.hear(head(7, 7, None)).contains(&Effect::CheckFile));
}
