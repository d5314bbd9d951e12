//! `just crash [TIMES] [SEED]`: kills collectors, probes and daemons with -9 at every named point and then at random
//! moments until there were so many, and stops at the first thing that was lost, doubled or stuck.
#![expect(clippy::print_stdout, reason = "a tool whose output is its purpose")]

use std::time::{Duration, Instant};

use foretune_core::numerics::Random;
use foretune_tests::crash::collected::{self, Collected};
use foretune_tests::crash::probed::{self, Probed};
use foretune_tests::crash::served::{self, MOST_KILLS_OF_A_JOB, Served};
use foretune_tests::crash::{Kills, Moment};

const STEPS: u64 = 60;

fn main() {
    let number = |index: usize, otherwise: u64| {
        std::env::args().nth(index).map_or(otherwise, |text| text.parse().expect("a whole number"))
    };
    let (times, seed) = (number(1, 500) as usize, number(2, 1));
    let mut random = Random::new(seed);
    let begun = Instant::now();
    let mut all = 0;
    let mut tell = |what: &str, kills: Kills| {
        all += kills.all();
        println!(
            "{what}: {} kills at named points, {} at random moments: nothing lost, doubled or stuck",
            kills.at_points, kills.at_random
        );
    };
    // From the first moment to the last, whatever the machine is doing beside it.
    let mut moments = |count: usize, takes: Duration| -> Vec<Moment> {
        let most_ms = takes.as_millis() as usize + 1;
        (0..count).map(|_| Moment::random(&mut random, most_ms)).collect()
    };

    let mut probed = Probed::new(STEPS);
    for point in probed::points() {
        probed.round(&[point]);
    }
    while probed.kills.all() < times / 2 {
        probed.round(&moments(10, probed.takes));
    }
    tell("probe", probed.kills);

    let mut collected = Collected::new();
    for chunk in collected::points().chunks(2) {
        collected.round(chunk);
    }
    while collected.kills.all() < times / 5 {
        // Its runs are recorded one by one, so that each kill meets another part of them.
        collected.round(&moments(8, collected.takes / 4));
    }
    tell("collect", collected.kills);

    let mut served = Served::new(STEPS);
    for moment in served::points_of_the_start() {
        served.start_killed_at(&moment);
    }
    for point in served::points() {
        served.round(&[point]);
    }
    while served.kills.all() < times - probed.kills.all() - collected.kills.all() {
        served.round(&moments(MOST_KILLS_OF_A_JOB, served.takes));
    }
    tell("serve", served.kills);
    println!("{all} kills in {} s, seed {seed}", begun.elapsed().as_secs());
}
