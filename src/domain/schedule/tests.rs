//! Plans, what stands in their way, and what follows for a moment.

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};

use super::*;

/// By the clocks in Japan.
fn at(text: &str) -> Timestamp {
    moment(text).unwrap()
}

/// `times 09:00 12:30 | cron 0 9 * * 1-5 | every 300 | business`
fn schedule(text: &str) -> Schedule {
    let mut plan = Plan { interval: None, ..Plan::every(Interval::nearest(1), false) };
    for part in text.split(" | ") {
        match part.split_once(' ') {
            Some(("times", times)) => plan.times = times.split(' ').map(|time| time.parse().unwrap()).collect(),
            Some(("cron", cron)) => plan.cron.push(cron.parse().unwrap()),
            Some(("every", seconds)) => plan.interval = Some(seconds.parse().unwrap()),
            _ => plan.days = Days::Business,
        }
    }
    Schedule::new(plan)
}

fn with_daily(mut schedule: Schedule, from: &str, to: &str) -> Schedule {
    let blackout = Blackout::daily(from.parse().unwrap(), to.parse().unwrap()).unwrap();
    schedule.blackouts.push(Window { number: 1, blackout, name: "保守".to_owned() });
    schedule
}

fn with_pause(mut schedule: Schedule, since: &str, until: Option<&str>) -> Schedule {
    schedule.pause =
        Some(Pause { since: at(since), until: until.map(at), reason: "訓練".to_owned(), by: "uid:0".to_owned() });
    schedule
}

/// The next steps after a moment, as `2026-11-24T09:00` or `2026-11-23T09:00 holiday`.
fn steps(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
    let shown = |step: Step| {
        let local = jst(step.at).strftime("%Y-%m-%dT%H:%M").to_string();
        step.obstacle.map_or(local.clone(), |obstacle| format!("{local} {}", obstacle.why.code()))
    };
    Walk::new(schedule, at(after), at(after)).take(count).map(shown).collect()
}

#[test]
fn planned_moments_come_in_their_order() {
    for (plan, after, expected) in [
        // Midnight, the end of a month and of a year.
        ("times 00:00", "2026-12-30T23:59:59", &["2026-12-31T00:00", "2027-01-01T00:00", "2027-01-02T00:00"][..]),
        ("times 23:59 00:00", "2026-12-31T23:58", &["2026-12-31T23:59", "2027-01-01T00:00", "2027-01-01T23:59"]),
        ("cron 0 9 1 * *", "2026-11-01T09:00", &["2026-12-01T09:00", "2027-01-01T09:00", "2027-02-01T09:00"]),
        ("cron 0 9 31 * *", "2026-08-31T09:00", &["2026-10-31T09:00", "2026-12-31T09:00", "2027-01-31T09:00"]),
        ("cron 30 18 L * *", "2027-01-31T18:30", &["2027-02-28T18:30", "2027-03-31T18:30"]),
        // Leap days, also over a year that is none.
        ("cron 0 0 29 2 *", "2026-01-01", &["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("cron 0 0 29 2 *", "2097-01-01", &["2104-02-29T00:00"]),
        ("times 09:00", "2028-02-28T09:00", &["2028-02-29T09:00", "2028-03-01T09:00"]),
        // Kinds beside each other: where they meet, it runs once.
        (
            "times 09:00 12:30 | cron 0,30 9 * * *",
            "2026-11-24T08:00",
            &["2026-11-24T09:00", "2026-11-24T09:30", "2026-11-24T12:30", "2026-11-25T09:00"],
        ),
        // The interval counts from the last planned run, whatever began it.
        ("times 09:00 | every 3600", "2026-11-24T07:30", &["2026-11-24T08:30", "2026-11-24T09:00", "2026-11-24T10:00"]),
        ("every 86400", "2028-02-28T12:00", &["2028-02-29T12:00", "2028-03-01T12:00"]),
        // A long weekend with a holiday in its middle, and the turn of the year.
        (
            "times 09:00 17:00 | business",
            "2026-09-18T09:00",
            &[
                "2026-09-18T17:00",
                "2026-09-19T09:00 weekend",
                "2026-09-20T09:00 weekend",
                "2026-09-21T09:00 holiday",
                "2026-09-22T09:00 holiday",
                "2026-09-23T09:00 holiday",
                "2026-09-24T09:00",
            ],
        ),
        ("every 7200 | business", "2026-12-31T23:00", &["2027-01-01T01:00 holiday", "2027-01-02T00:00 weekend"]),
    ] {
        assert_eq!(steps(&schedule(plan), after, expected.len()), expected, "{plan} after {after}");
    }
}

#[test]
fn blackouts_and_pauses_stand_in_the_way_until_they_end() {
    let night = with_daily(schedule("times 21:59 22:00 05:59 06:00"), "22:00", "06:00");
    let expected = ["2026-12-31T21:59", "2026-12-31T22:00 blackout", "2027-01-01T06:00", "2027-01-01T21:59"];
    assert_eq!(steps(&night, "2026-12-31T12:00", 4), expected);
    for (time, until) in [("2026-12-31T22:00", true), ("2027-01-01T03:00", true), ("2027-01-01T06:00", false)] {
        let obstacle = night.obstacle(at(time)).map(|obstacle| obstacle.until);
        assert_eq!(obstacle, until.then(|| Some(at("2027-01-01T06:00"))), "{time}");
    }
    // What counts by an interval waits for the window's end.
    let night = with_daily(schedule("every 3600"), "22:00", "06:00");
    let expected = ["2026-11-24T21:30", "2026-11-24T22:30 blackout", "2026-11-25T06:00", "2026-11-25T07:00"];
    assert_eq!(steps(&night, "2026-11-24T20:30", 4), expected);
    let noon = with_daily(schedule("cron */30 * * * *"), "12:00", "13:00");
    assert_eq!(
        steps(&noon, "2026-11-24T11:30", 3),
        ["2026-11-24T12:00 blackout", "2026-11-24T13:00", "2026-11-24T13:30"]
    );
    let mut closed = schedule("times 09:00");
    let blackout = Blackout::dates(date(2026, 12, 29), date(2027, 1, 3)).unwrap();
    closed.blackouts.push(Window { number: 7, blackout, name: String::new() });
    let expected = ["2026-12-28T09:00", "2026-12-29T09:00 blackout", "2027-01-04T09:00"];
    assert_eq!(steps(&closed, "2026-12-28T00:00", 3), expected);
    let paused = with_pause(schedule("times 09:00"), "2026-11-24T08:00", Some("2026-11-26T09:00"));
    assert_eq!(
        steps(&paused, "2026-11-23T10:00", 3),
        ["2026-11-24T09:00 pause", "2026-11-26T09:00", "2026-11-27T09:00"]
    );
    let paused = with_pause(schedule("times 09:00"), "2026-11-24T08:00", None);
    assert_eq!(steps(&paused, "2026-11-23T10:00", 3), ["2026-11-24T09:00 pause"], "it does not end by itself");
    assert!(Blackout::daily("09:00".parse().unwrap(), "09:00".parse().unwrap()).is_err());
    assert!(Blackout::dates(date(2026, 1, 2), date(2026, 1, 1)).is_err());
}

#[test]
fn the_long_poll_minds_pauses_blackouts_and_days() {
    let mut schedule = with_daily(schedule("business"), "12:00", "13:00");
    schedule.plan.long_poll = true;
    let open = |text: &str| schedule.may_poll(at(text));
    assert!(open("2026-11-24T11:59:59") && !open("2026-11-24T12:00") && open("2026-11-24T13:00"));
    assert!(!open("2026-11-23T11:00"), "a holiday");
    schedule = with_pause(schedule, "2026-11-24T09:00", Some("2026-11-24T10:00"));
    let open = |text: &str| schedule.may_poll(at(text));
    assert!(open("2026-11-24T08:59") && !open("2026-11-24T09:30") && open("2026-11-24T10:00"));
}

#[test]
fn what_never_comes_is_refused_at_entry() {
    for (text, word) in [
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 4,6,9,11 *", "never comes"),
        ("0 24 * * *", "not a cron expression"),
        ("0 9 * *", "not a cron expression"),
        ("0 0 9 * * *", "not a cron expression"),
        ("", "not a cron expression"),
        ("毎日9時", "not a cron expression"),
    ] {
        let refused = text.parse::<Cron>().unwrap_err().to_string();
        assert!(refused.contains(word), "{text}: {refused}");
    }
    for text in ["24:00", "9", "09:60", "-1:00", "09:00:00", "+9:00", "９:00"] {
        assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
    }
    assert_eq!("9:05".parse::<TimeOfDay>().unwrap().to_string(), "09:05");
    for text in ["0", "-1", "2678401", "1.5", "an hour"] {
        assert!(text.parse::<Interval>().is_err(), "{text}");
    }
    let (now, none) = (at("2026-11-24T09:00"), OwnHolidays::new());
    let check = |text: &str| schedule(text).plan.check(now, &none, &[]);
    assert_eq!(check("cron 0 9 * * 6,0 | business"), Err(Never::DaysOff));
    assert_eq!(check("cron 0 9 1 1 * | business"), Err(Never::DaysOff));
    assert_eq!(check("cron 0 9 29 2 * | business"), Ok(()));
    assert_eq!(check("every 60 | business"), Ok(()));
    assert_eq!(check("business"), Err(Never::Nothing));
}

/// Follows a schedule as a gateway does that looks every second, from one moment to another; the runs that begin, as they were
/// planned.
struct Follower {
    schedule: Schedule,
    mark: Timestamp,
    runs: Vec<Timestamp>,
}

impl Follower {
    fn new(schedule: Schedule, mark: &str) -> Self {
        Self { schedule, mark: at(mark), runs: Vec::new() }
    }

    /// One look.
    fn look(&mut self, now: Timestamp) {
        match decide(&self.schedule, self.mark, now) {
            Decision::Run { planned } => {
                self.runs.push(planned);
                self.mark = now;
            }
            Decision::Wait(wait) => self.mark = wait.mark,
        }
    }

    /// Looks every minute from `now` on.
    fn minutes(&mut self, now: &str, count: i64) -> Vec<String> {
        self.runs.clear();
        for minute in 0..count {
            self.look(at(now) + SignedDuration::from_mins(minute));
        }
        self.runs.iter().map(|at| jst(*at).strftime("%m-%dT%H:%M").to_string()).collect()
    }
}

#[test]
fn after_downtime_there_is_one_run_for_all_that_was_missed() {
    let hourly = || schedule("cron 0 * * * *");
    let mut gateway = Follower::new(hourly(), "2026-11-24T09:00");
    assert_eq!(gateway.minutes("2026-11-26T12:10", 60), ["11-24T10:00", "11-26T13:00"]);
    // What came in a blackout is not made up for; what was missed before it is, at its end.
    let mut gateway = Follower::new(with_daily(hourly(), "12:00", "15:00"), "2026-11-24T12:30");
    assert_eq!(gateway.minutes("2026-11-24T14:30", 60), ["11-24T15:00"]);
    let mut gateway = Follower::new(with_daily(schedule("times 11:00"), "12:00", "15:00"), "2026-11-24T09:00");
    assert_eq!(gateway.minutes("2026-11-24T14:30", 60), ["11-24T11:00"]);
    // Holidays are not made up for either.
    let mut gateway = Follower::new(schedule("times 09:00 | business"), "2026-11-20T09:00");
    assert_eq!(gateway.minutes("2026-11-23T10:00", 24 * 60), ["11-24T09:00"]);
    // A pause that is taken away again makes nothing due that came in it, as long as the gateway saw it come.
    let mut gateway = Follower::new(with_pause(schedule("times 10:00"), "2026-11-24T09:00", None), "2026-11-24T08:00");
    assert!(gateway.minutes("2026-11-24T09:00", 120).is_empty());
    gateway.schedule.pause = None;
    assert_eq!(gateway.minutes("2026-11-24T11:00", 24 * 60), ["11-25T10:00"]);
}

#[test]
fn a_clock_that_jumps_makes_no_storm_and_loses_no_run_for_ever() {
    for plan in ["times 09:00", "cron 0 9 * * *", "every 3600", "times 09:00 | cron */5 * * * * | every 60"] {
        let frequent = plan.ends_with("every 60");
        for jump in ["2026-11-23T12:00", "2026-11-25T12:00", "2016-11-24T12:00", "2036-11-24T12:00"] {
            let mut gateway = Follower::new(schedule(plan), "2026-11-24T11:59:30");
            gateway.minutes("2026-11-24T12:00", 1);
            // There: at most the one run that stands for all that lies between, in a quarter of an hour.
            let runs = gateway.minutes(jump, 15).len();
            assert!(if frequent { runs <= 15 } else { runs <= 1 }, "{plan} to {jump}: {runs}");
            // It goes on there within a day as the plan says.
            let there = gateway.minutes(jump, 24 * 60).len();
            assert!(if frequent { there >= 24 } else { there >= 1 }, "{plan} to {jump}: {there}");
            // And back again.
            let runs = gateway.minutes("2026-11-24T12:20", 15).len();
            assert!(if frequent { runs <= 15 } else { runs <= 1 }, "{plan} back from {jump}: {runs}");
            let back = gateway.minutes("2026-11-24T12:35", 24 * 60).len();
            assert!(if frequent { back >= 24 } else { back >= 1 }, "{plan} back from {jump}: {back}");
        }
    }
    // A small step back repeats nothing.
    let mut gateway = Follower::new(schedule("times 12:00"), "2026-11-24T11:00");
    assert_eq!(gateway.minutes("2026-11-24T11:59", 2).len(), 1);
    assert!(gateway.minutes("2026-11-24T11:59", 60).is_empty());
}

#[test]
fn a_preview_says_what_runs_and_what_does_not() {
    let lines = |schedule: &Schedule, mark: Option<&str>, now: &str, runs| -> Vec<String> {
        let planned = preview(schedule, mark.map(at), at(now), runs);
        let line = |planned: &Planned| {
            let why = planned.obstacle.as_ref().map_or("", |obstacle| obstacle.why.name().unwrap_or("-"));
            let trigger = planned.trigger.map_or("catch-up", Trigger::code);
            format!("{} {trigger} {why}", jst(planned.at).strftime("%d %H:%M")).trim_end().to_owned()
        };
        planned.iter().map(line).collect()
    };
    let nine = schedule("times 09:00 | business");
    let expected =
        ["21 09:00 time -", "22 09:00 time -", "23 09:00 time 勤労感謝の日", "24 09:00 time", "25 09:00 time"];
    assert_eq!(lines(&nine, Some("2026-11-20T09:00"), "2026-11-20T12:00", 2), expected);
    // Something was missed, and it is a holiday now: it is made up for when one may.
    let expected = ["23 09:00 time 勤労感謝の日", "24 00:00 catch-up", "24 09:00 time"];
    assert_eq!(lines(&nine, Some("2026-11-19T09:00"), "2026-11-23T08:00", 2), expected);
    assert_eq!(lines(&nine, None, "2026-11-24T08:00", 2), ["24 08:00 catch-up", "24 09:00 time"], "never before");
    let every = schedule("every 3600");
    assert_eq!(
        lines(&every, Some("2026-11-24T08:30"), "2026-11-24T08:45", 2),
        ["24 09:30 interval", "24 10:30 interval"]
    );
    let resting = with_pause(every, "2026-11-24T08:40", None);
    assert_eq!(lines(&resting, Some("2026-11-24T08:30"), "2026-11-24T08:45", 2), ["24 09:30 interval -"]);
}

#[test]
fn a_plan_is_kept_as_text() {
    let plan = schedule("times 09:00 | cron 0 9 * * 1-5 | every 300 | business").plan;
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(
        text,
        r#"{"times":["09:00"],"cron":["0 9 * * 1-5"],"interval":"300","days":"business","long_poll":false}"#
    );
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

#[test]
fn what_is_to_be_expected_is_known_ahead() {
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    let now = at("2026-11-20T12:00");
    let begins = |schedule: &Schedule, within: i64| schedule.outlook(None, now, days(within)).begins;
    // Friday: the next business day is Tuesday, since Monday is a holiday.
    let weekly = schedule("times 09:00 | business");
    assert!(!begins(&weekly, 3) && begins(&weekly, 4));
    assert!(!begins(&with_daily(schedule("times 23:00"), "22:00", "06:00"), 366), "a window stands in the way of each");
    assert!(!begins(&schedule("cron 0 0 29 2 *"), 366) && begins(&schedule("cron 0 0 29 2 *"), 1_000));
    assert!(!begins(&schedule("every 604800"), 6) && begins(&schedule("every 604800"), 7));
    // The long poll waits for arrivals, unless something stands in the way.
    let mut polling = schedule("business");
    polling.plan.long_poll = true;
    assert!(begins(&polling, 1));
    polling.blackouts.push(Window {
        number: 1,
        blackout: Blackout::Dates { from: date(2026, 11, 1), to: date(2026, 11, 30) },
        name: String::new(),
    });
    assert!(!begins(&polling, 10) && begins(&polling, 11));
    // A rest is told by itself.
    let resting = with_pause(schedule("times 09:00"), "2026-11-18T09:00", None);
    assert_eq!(
        resting.outlook(None, now, days(1)),
        Outlook { paused_since: Some(at("2026-11-18T09:00")), begins: true }
    );
    let over = with_pause(schedule("times 09:00"), "2026-11-18T09:00", Some("2026-11-20T12:00"));
    assert_eq!(over.outlook(None, now, days(1)).paused_since, None);
}

#[test]
fn a_mark_is_never_moved_back_unless_the_clock_is() {
    let now = at("2026-11-20T12:00");
    let (earlier, later) = (at("2026-11-20T09:00"), at("2026-11-20T11:00"));
    assert_eq!(forward(None, earlier, now), earlier);
    assert_eq!(forward(Some(earlier), later, now), later);
    assert_eq!(forward(Some(later), earlier, now), later);
    assert_eq!(forward(Some(at("2027-11-20T12:00")), earlier, now), earlier);
}

#[test]
fn an_interval_comes_though_every_time_beside_it_falls_into_a_window() {
    let mut both = with_daily(schedule("times 23:30"), "23:00", "23:59");
    both.plan.interval = Some("172800".parse().unwrap());
    let (mut mark, mut runs) = (at("2026-11-20T12:00"), Vec::new());
    for hour in 1..=24 * 5 {
        let now = at("2026-11-20T12:00") + SignedDuration::from_hours(hour);
        match decide(&both, mark, now) {
            Decision::Run { planned } => {
                mark = planned;
                runs.push(jst(planned).strftime("%dT%H:%M").to_string());
            }
            Decision::Wait(wait) => mark = wait.mark,
        }
    }
    assert_eq!(runs, ["22T12:00", "24T12:00"]);
}
