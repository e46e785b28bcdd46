//! Clocks that are wrong, and disks that are.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
};

use gangway_testkit::{FakeClock, SmallDisk, until};
use serde_json::{Value, json};

use super::{
    floor::{Floor, Setup, gate},
    pool::Ran,
};

cells! { "worlds",
    wall_clock_is_an_hour_ahead => || wrong_clock(3_600),
    wall_clock_is_a_day_behind => || wrong_clock(-86_400),
    wall_clock_steps_while_it_runs => stepping_clock,
    wall_clock_is_far_back_at_a_start_without_the_server => start_far_back,
    wall_clock_is_far_back_after_more_than_a_month_off => month_off,
    disk_is_full => full_disk,
    disk_can_not_be_written_to_at_a_start => locked_disk,
    cache_is_cut_short => || damaged_cache(cut_short),
    cache_is_overwritten => || damaged_cache(overwritten),
    cache_is_gone => || damaged_cache(|cache| fs::remove_file(cache).expect("it was there")),
}

/// How far apart two desks may show the same timer: they are asked after each other.
const TIMER_TOLERANCE_S: i64 = 5;

fn remaining(floor: &mut Floor, desk: usize, band: &str) -> i64 {
    let sessions = floor.desks[desk].console.query(&["activeSessions"]);
    let session = sessions.as_array().into_iter().flatten().find(|session| session["barcodeId"] == band).cloned();
    session.expect("the band is there")["remainingSeconds"].as_i64().expect("seconds")
}

fn same_timers(floor: &mut Floor, band: &str) {
    floor.desks[1].sees(band, "playing");
    let (here, there) = (remaining(floor, 0, band), remaining(floor, 1, band));
    assert!(
        (here - there).abs() <= TIMER_TOLERANCE_S,
        "{here} s at the desk with the wrong clock, {there} s beside it"
    );
}

fn wrong_clock(seconds: i64) -> Ran {
    let clock = match FakeClock::ahead_by(seconds) {
        Ok(clock) => clock,
        Err(why) => return Ran::Skipped(why),
    };
    let mut floor = Floor::with(vec![Setup { clock: Some(&clock), ..Setup::default() }, Setup::default()]);
    let offset = floor.desks[0].console.status()["clockOffsetMs"].as_i64().expect("an offset");
    assert!((offset + seconds * 1_000).abs() < 60_000, "it is under the wrong clock: {offset} ms");
    let band = floor.sell_and_board(0);
    same_timers(&mut floor, &band);
    // Offline, and started again without the server: the wrong clock is still known to be wrong.
    floor.server.kill();
    floor.desks[0].notices();
    floor.acknowledged(0, &gate("pause", &band));
    floor.desks[0].restart();
    floor.acknowledged(0, &gate("play", &band));
    floor.restart_server();
    for desk in &mut floor.desks {
        desk.comes_back();
    }
    let other = floor.sell_and_board(0);
    floor.desks[1].sees(&other, "playing");
    floor.acknowledged(1, &gate("pause", &other));
    let audit = floor.check();
    assert!(audit.rejected.is_empty(), "{audit}");
    same_moments(&floor);
    Ran::Whole
}

/// Every line was sold today and not an hour from now.
fn same_moments(floor: &Floor) {
    let lines = floor.server.get("/api/transactions?limit=200");
    let stats = floor.server.get("/api/dashboard/stats");
    let lines = lines.as_array().map_or(0, Vec::len);
    assert_eq!(stats["totalTransactions"], json!(lines), "all were sold today: {stats}");
}

fn stepping_clock() -> Ran {
    let clock = match FakeClock::ahead_by(0) {
        Ok(clock) => clock,
        Err(why) => return Ran::Skipped(why),
    };
    let mut floor = Floor::with(vec![Setup { clock: Some(&clock), ..Setup::default() }, Setup::default()]);
    let bands: Vec<String> = [7_200, -90_000, 0]
        .into_iter()
        .map(|seconds| {
            clock.set(seconds);
            let band = floor.sell_and_board(0);
            same_timers(&mut floor, &band);
            band
        })
        .collect();
    for band in &bands {
        floor.acknowledged(0, &gate("pause", band));
    }
    let audit = floor.check();
    assert!(audit.rejected.is_empty(), "{audit}");
    let flagged: Vec<Value> =
        floor.ledger.taps().iter().map(|tap| floor.server.get(&format!("/api/commands/{}", tap.id))).collect();
    let flagged: Vec<&Value> = flagged.iter().filter(|outcome| outcome["flags"] != json!([])).collect();
    assert!(flagged.is_empty(), "no moment was implausible: {flagged:?}");
    same_moments(&floor);
    Ran::Whole
}

/// A machine whose battery is empty.
const TWENTY_YEARS_S: i64 = 20 * 365 * 86_400;

fn start_far_back() -> Ran {
    let clock = match FakeClock::ahead_by(0) {
        Ok(clock) => clock,
        Err(why) => return Ran::Skipped(why),
    };
    let mut floor = Floor::with(vec![Setup { clock: Some(&clock), ..Setup::default() }, Setup::default()]);
    let band = floor.sell_and_board(0);
    floor.desks[1].sees(&band, "playing");
    floor.server.kill();
    floor.desks[0].notices();
    floor.acknowledged(0, &gate("pause", &band));
    floor.desks[0].console.kill();
    clock.set(-TWENTY_YEARS_S);
    floor.desks[0].restart();
    floor.acknowledged(0, &gate("play", &band));
    let other = floor.sell_and_board(0);
    floor.restart_server();
    for desk in &mut floor.desks {
        desk.comes_back();
        desk.sees(&other, "playing");
    }
    same_timers(&mut floor, &band);
    let audit = floor.check();
    assert!(audit.rejected.is_empty(), "{audit}");
    same_moments(&floor);
    let entries = floor.desks[1].console.query(&["attention"]);
    let said = entries.as_array().into_iter().flatten().any(|entry| entry["code"] == "desk_clock_behind");
    assert!(said, "somebody is told: {entries}");
    Ran::Whole
}

const OVER_A_MONTH_S: i64 = 33 * 86_400;

/// What was tapped before the month is too old for its outcome to be certain, and said so; what is sold today, by a desk
/// that does not know what day it is, is sold today.
fn month_off() -> Ran {
    let (clock, servers) = match (FakeClock::ahead_by(0), FakeClock::ahead_by(OVER_A_MONTH_S)) {
        (Ok(clock), Ok(servers)) => (clock, servers),
        (Err(why), _) | (_, Err(why)) => return Ran::Skipped(why),
    };
    let mut floor = Floor::with(vec![Setup { clock: Some(&clock), ..Setup::default() }, Setup::default()]);
    floor.server.kill();
    floor.desks[0].notices();
    let old_band = floor.band();
    let sale = floor.checkin(&old_band, 1);
    let old = floor.acknowledged(0, &sale);
    floor.desks[0].console.kill();
    clock.set(-TWENTY_YEARS_S);
    floor.desks[0].restart();
    let today = floor.sell_and_board(0);
    floor.restart_server_under(&servers);
    for desk in &mut floor.desks {
        desk.comes_back();
        desk.sees(&today, "playing");
    }
    let fate = floor.settled(0, &old);
    assert_eq!((&fate["state"], &fate["rejection"]["code"]), (&json!("rejected"), &json!("too_old")), "{fate}");
    let audit = floor.check();
    assert_eq!(audit.rejected.len(), 1, "{audit}");
    same_moments(&floor);
    let entries = floor.desks[1].console.query(&["attention"]);
    let of = |field: &str, value: &Value| entries.as_array().into_iter().flatten().any(|entry| entry[field] == *value);
    assert!(of("commandId", &json!(old)), "every desk has it on its list: {entries}");
    assert!(of("code", &json!("desk_clock_behind")), "somebody is told of the clock: {entries}");
    Ran::Whole
}

/// Room for the two files, their logs, and a little more.
const DISK_BYTES: u64 = 16 << 20;
/// Taps until a full disk has to say no: what was reserved before still takes some.
const TAPS_MOST: usize = 2_000;

fn full_disk() -> Ran {
    let disk = match SmallDisk::with_room_for(DISK_BYTES) {
        Ok(disk) => disk,
        Err(why) => return Ran::Skipped(why),
    };
    let mut floor = Floor::with(vec![Setup { disk: Some(disk), ..Setup::default() }, Setup::default()]);
    let band = floor.sell_and_board(0);
    floor.desks[1].sees(&band, "playing");
    let disk = floor.desks[0].disk.take().expect("a disk");
    disk.fill();
    let refused = (0..TAPS_MOST).find_map(|_| {
        let band = floor.band();
        let sale = floor.checkin(&band, 1);
        let answer = floor.answered(0, &sale);
        (answer["ok"] != true).then_some(answer)
    });
    let refused = refused.expect("what is not on disk is not taken");
    assert_eq!(refused["error"]["code"], "disk", "it says so: {refused}");
    // The other desk goes on, and this one is there.
    let other = floor.sell_and_board(1);
    floor.desks[0].console.status();
    disk.clear();
    floor.sell_and_board(0);
    floor.desks[0].sees(&other, "playing");
    let audit = floor.check();
    assert!(audit.rejected.is_empty(), "{audit}");
    floor.desks[0].console.kill();
    Ran::Whole
}

/// A desk that can take nothing does not start and says why; what it had taken is there when it can.
fn locked_disk() -> Ran {
    let disk = match SmallDisk::with_room_for(DISK_BYTES) {
        Ok(disk) => disk,
        Err(why) => return Ran::Skipped(why),
    };
    let mut floor = Floor::with(vec![Setup { disk: Some(disk), ..Setup::default() }, Setup::default()]);
    let band = floor.sell_and_board(0);
    floor.desks[1].sees(&band, "playing");
    floor.server.kill();
    floor.desks[0].notices();
    floor.acknowledged(0, &gate("pause", &band));
    let kept = floor.sell_and_board(0);
    let disk = floor.desks[0].disk.take().expect("a disk");
    floor.desks[0].console.kill();
    disk.lock();
    floor.desks[0].restart();
    let console = &mut floor.desks[0].console;
    let ended = until("it does not start", || console.ended());
    assert_eq!(ended.code(), Some(1));
    until("it says why", || console.stderr().contains("can't be used: Read-only file system").then_some(()));
    disk.unlock();
    floor.desks[0].restart();
    floor.desks[0].sees(&kept, "playing");
    floor.restart_server();
    for desk in &mut floor.desks {
        desk.comes_back();
        desk.sees(&kept, "playing");
        desk.sees(&band, "paused");
    }
    let audit = floor.check();
    assert!(audit.rejected.is_empty(), "{audit}");
    floor.desks[0].console.kill();
    Ran::Whole
}

fn cut_short(cache: &Path) {
    let file = OpenOptions::new().write(true).open(cache).expect("the cache");
    let length = file.metadata().expect("a file").len();
    file.set_len(length / 2).expect("cut");
}

fn overwritten(cache: &Path) {
    let file = OpenOptions::new().write(true).open(cache).expect("the cache");
    let length = file.metadata().expect("a file").len();
    for page in (0..length).step_by(8 << 10) {
        file.write_all_at(b"somebody else was here", page + 40).expect("written");
    }
}

/// The cache is made again from the server, and what is not sent yet is sent.
fn damaged_cache(damage: impl Fn(&Path)) -> Ran {
    let mut floor = Floor::open();
    let band = floor.sell_and_board(0);
    floor.desks[1].sees(&band, "playing");
    floor.server.kill();
    floor.desks[0].notices();
    let kept = floor.sell_and_board(0);
    floor.acknowledged(0, &gate("pause", &band));
    floor.desks[0].console.kill();
    damage(&floor.desks[0].dir().join("cache.sqlite"));
    floor.desks[0].restart();
    let status = floor.desks[0].console.status();
    assert_eq!(status["inSync"], false, "{status}");
    floor.restart_server();
    for desk in &mut floor.desks {
        desk.comes_back();
        desk.sees(&kept, "playing");
        desk.sees(&band, "paused");
    }
    let audit = floor.check();
    assert!(audit.rejected.is_empty(), "{audit}");
    Ran::Whole
}
