//! Instances over a table that is read late, under a clock of the test's: what a fleet of them asks
//! of a provider that fails, and when it is back.

use model_map::{Breaker, BreakerState, Failure, FailureClass, Pass, Verdict};

use super::*;

const STEP: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);
/// Every instance reads once a second.
const STEPS_TO_READ: u64 = 10;

/// The table, as its conditions make it.
#[derive(Default)]
struct Table(HashMap<String, Word>);

impl Table {
    /// What [`update`] says in the table's own words.
    fn write(&mut self, event: &Event) -> bool {
        let held = self.0.get("m");
        match event {
            Event::Held(word) => {
                let may =
                    held.is_none_or(|held| held.holder == word.holder || held.until < word.until);
                may.then(|| self.0.insert("m".into(), word.clone()));
                may
            }
            Event::Closed(at) => {
                let may = held.is_some_and(|held| held.made <= *at);
                may.then(|| self.0.remove("m"));
                may
            }
        }
    }
}

struct Instance {
    breaker: Breaker,
    others: Others,
    /// What it tells the table with the next step.
    tells: Option<Event>,
    /// What it has read and takes in with the next step.
    reads: Option<(Duration, HashMap<String, Word>)>,
    /// The call that it waits for.
    call: Option<(Duration, Pass)>,
    /// What its clock is ahead or behind of the right one.
    skew: i64,
    jitter: f64,
    is_gone: bool,
}

impl Instance {
    fn new(number: u32) -> Self {
        Self {
            breaker: Breaker::default(),
            others: Others::new(format!("{number}")),
            tells: None,
            reads: None,
            call: None,
            skew: 0,
            jitter: f64::from(number % 10) / 10.0,
            is_gone: false,
        }
    }

    fn wall(&self, now: Duration) -> u64 {
        (1_795_564_800_000 + i64::try_from(now.as_millis()).unwrap() + self.skew)
            .try_into()
            .unwrap()
    }

    fn hears(&mut self, now: Duration, until: Option<Duration>) {
        let wall = self.wall(now);
        let event = match until {
            None => Event::Closed(wall),
            Some(time) => Event::Held(Word {
                holder: self.others.me.clone(),
                made: wall,
                until: wall + u64::try_from(time.as_millis()).unwrap(),
            }),
        };
        self.others.found("m", &event, now);
        self.tells = Some(event);
    }

    /// A request comes; whether it is a probe, where one is made of it.
    fn ask(&mut self, now: Duration, takes: Duration) -> Option<bool> {
        if self.call.is_some() {
            return None;
        }
        let pass = self.breaker.admit(now)?;
        if pass.is_probe() {
            self.hears(now, Some(PROBE_LEASE));
        }
        self.call = Some((now + takes, pass));
        Some(pass.is_probe())
    }

    fn answered(&mut self, now: Duration, is_down: bool) {
        let Some((_, pass)) = self.call.take_if(|(at, _)| *at <= now) else { return };
        let before = self.breaker.state(now);
        let failure = Failure::of(FailureClass::ServerError);
        let verdict = if is_down { Verdict::of(&failure) } else { Verdict::Good };
        self.breaker.ended(pass, now, verdict);
        let after = self.breaker.state(now);
        if after != before {
            let open = self.breaker.open_until(now).map(|until| until - now);
            self.hears(now, open);
        }
    }

    fn step(&mut self, now: Duration, table: &mut Table, reads: bool) {
        if let Some(event) = self.tells.take()
            && table.write(&event)
        {
            self.others.told("m", event, now);
        }
        if let Some((began, words)) = self.reads.take() {
            let reading = Reading { began, now, wall: self.wall(now) };
            let (is_busy, jitter) = (self.tells.is_some(), self.jitter);
            for (_, order) in self.others.learn(words, &reading, |_| is_busy, || jitter) {
                match order {
                    Order::OpenFor(time) => self.breaker.open_for(now, time),
                    Order::Close => self.breaker.close(),
                }
            }
        }
        if reads {
            self.reads = Some((now, table.0.clone()));
        }
    }
}

/// A provider that is down from the first second on for so long.
struct Outage {
    lasts: Duration,
    /// How long it takes to fail or to answer.
    takes: Duration,
    /// Whoever opened first is gone from then on.
    is_left: bool,
}

/// What a fleet made of it.
#[derive(Debug)]
struct Seen {
    /// When probes began.
    probes: Vec<Duration>,
    /// How long after the recovery every instance asked the provider again.
    back: Duration,
}

fn play(fleet: &mut [Instance], outage: &Outage) -> Seen {
    let mut table = Table::default();
    let (mut now, mut probes, mut steps) = (Duration::ZERO, Vec::new(), 0);
    loop {
        let is_down = now >= SECOND && now < SECOND + outage.lasts;
        for (number, instance) in fleet.iter_mut().enumerate() {
            if instance.is_gone {
                continue;
            }
            instance.answered(now, is_down);
            let reads = (steps + number as u64).is_multiple_of(STEPS_TO_READ);
            instance.step(now, &mut table, reads);
            if instance.ask(now, outage.takes) == Some(true) {
                probes.push(now);
            }
        }
        if outage.is_left && now == SECOND + 4 * SECOND {
            let holder = table.0["m"].holder.clone();
            let holder = fleet.iter_mut().find(|instance| instance.others.me == holder);
            holder.unwrap().is_gone = true;
        }
        let closed = |it: &Instance| it.is_gone || it.breaker.state(now) == BreakerState::Closed;
        let recovered = SECOND + outage.lasts;
        if now > recovered && fleet.iter().all(closed) {
            return Seen { probes, back: now - recovered };
        }
        assert!(now < recovered + 60 * SECOND, "not back: {probes:?}");
        now += STEP;
        steps += 1;
    }
}

fn fleet(of: u32) -> Vec<Instance> {
    (0..of).map(Instance::new).collect()
}

/// Probes are apart by a cool-down at least, whoever makes them.
fn never_together(probes: &[Duration]) {
    for pair in probes.windows(2) {
        assert!(pair[1] - pair[0] >= model_map::breaker::FIRST_COOL_DOWN, "{probes:?}");
    }
}

#[test]
fn a_fleet_probes_as_often_as_one_instance_and_is_back_together() {
    for takes in [STEP, 15 * SECOND] {
        let outage = Outage { lasts: 70 * SECOND, takes, is_left: false };
        let alone = play(&mut fleet(1), &outage);
        let together = play(&mut fleet(50), &outage);
        never_together(&together.probes);
        let (one, all) = (alone.probes.len(), together.probes.len());
        assert!(all <= one + 1, "{takes:?}: {one} alone, {all} together: {together:?}");
        assert!(alone.back <= LONGEST_COOL_DOWN + takes + SECOND, "{alone:?}");
        assert!(together.back <= LONGEST_COOL_DOWN + takes + 3 * SECOND, "{together:?}");
    }
}

#[test]
fn when_the_holder_is_gone_others_probe_one_after_another() {
    let outage = Outage { lasts: 40 * SECOND, takes: STEP, is_left: true };
    let seen = play(&mut fleet(10), &outage);
    // Those whose turn comes within the second in which they hear of the first.
    let together = |at: &Duration| {
        seen.probes.iter().filter(|other| **other >= *at && **other < *at + SECOND).count()
    };
    let most = seen.probes.iter().map(together).max().unwrap();
    assert!(most <= 6, "{seen:?}");
    assert!(seen.back <= LONGEST_COOL_DOWN + TURN + SPREAD + 2 * SECOND, "{seen:?}");
}

#[test]
fn clocks_that_are_wrong_keep_nobody_away_for_good() {
    for skew in [-3_600_000, -3_000, 3_000, 3_600_000] {
        let mut fleet = fleet(5);
        fleet[1].skew = skew;
        fleet[3].skew = -skew;
        let outage = Outage { lasts: 12 * SECOND, takes: STEP, is_left: true };
        let seen = play(&mut fleet, &outage);
        assert!(seen.back <= LONGEST_COOL_DOWN + TURN + SPREAD + 2 * SECOND, "{skew}: {seen:?}");
    }
}

fn word(holder: &str, until: u64) -> Word {
    Word { holder: holder.into(), made: 1_000, until }
}

fn learnt(others: &mut Others, word: Option<Word>, (began, now): (u64, u64)) -> Option<Order> {
    let (began, now) = (Duration::from_millis(began), Duration::from_millis(now));
    let words = word.map(|word| ("m".to_owned(), word)).into_iter().collect();
    let reading = Reading { began, now, wall: 10_000 };
    others.learn(words, &reading, |_| false, || 0.0).pop().map(|(_, order)| order)
}

#[test]
fn a_word_counts_from_when_it_is_first_heard_and_no_longer() {
    let mut others = Others::new("me".into());
    let open = |seconds| Some(Order::OpenFor(Duration::from_secs(seconds)));
    assert_eq!(learnt(&mut others, Some(word("other", 14_000)), (0, 0)), open(4 + 2));
    // The same word, read again later by a clock that stands still.
    assert_eq!(learnt(&mut others, Some(word("other", 14_000)), (1_000, 1_000)), open(3 + 2));
    assert_eq!(learnt(&mut others, Some(word("other", 14_000)), (6_000, 6_000)), None);
    let far = learnt(&mut others, Some(word("other", 99_000_000)), (7_000, 7_000));
    assert_eq!(far, open(30 + 2));
    assert_eq!(learnt(&mut others, None, (8_000, 8_000)), Some(Order::Close));
    assert_eq!(learnt(&mut others, None, (9_000, 9_000)), None);
    assert_eq!(learnt(&mut others, Some(word("other", 8_000)), (9_000, 9_000)), None, "over");
    assert_eq!(learnt(&mut others, Some(word("me", 14_000)), (9_000, 9_000)), None, "ours");
}

#[test]
fn what_was_read_before_we_found_out_ourselves_says_nothing() {
    let mut others = Others::new("me".into());
    let at = Duration::from_millis;
    assert!(learnt(&mut others, Some(word("other", 14_000)), (0, 0)).is_some());
    others.found("m", &Event::Closed(10_000), at(500));
    assert_eq!(learnt(&mut others, Some(word("other", 14_000)), (400, 600)), None);
    // The table could not be told: the word is still there, and is over all the same.
    assert_eq!(learnt(&mut others, Some(word("other", 14_000)), (700, 800)), None);
    let event = Event::Held(word("me", 15_000));
    others.found("m", &event, at(900));
    assert_eq!(learnt(&mut others, None, (850, 950)), None, "it was not there yet");
    others.told("m", event, at(960));
    assert_eq!(learnt(&mut others, None, (955, 970)), None, "it was not there yet");
    assert_eq!(learnt(&mut others, None, (980, 990)), Some(Order::Close), "somebody closed it");
}

#[test]
fn what_is_written_is_read_back() {
    let word = word("other", 14_000);
    let written = update("p/m", &Event::Held(word.clone()), 10_000);
    assert_eq!((written.id.as_str(), &written.names["#model"]), ("breakers", &json!("m/p/m")));
    assert_eq!(written.values[":kept"], json!({"N": "86410"}));
    let mut item = Item::new();
    item.insert("m/p/m".into(), written.values[":word"].clone());
    item.insert("m/p/broken".into(), json!({"M": {"holder": {"S": "x"}}}));
    item.insert("expires_at".into(), json!({"N": "1"}));
    assert_eq!(words(&item), HashMap::from([("p/m".to_owned(), word)]));
    let closed = update("p/m", &Event::Closed(9_000), 10_000);
    assert_eq!(closed.values[":at"], json!({"N": "9000"}));
    assert!(!closed.names.contains_key("#until"), "names that nothing uses are refused");
}
