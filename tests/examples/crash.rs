//! `just crash [TIMES] [SEED] [probe|collect|serve]`: kills probes, collectors and daemons with -9 at every named
//! point and then at random moments until there were so many (half, a fifth, and the rest of them, unless one is
//! named), and stops at the first thing that was lost, doubled or stuck.
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
    let (times, seed, part) = (number(1, 500) as usize, number(2, 1), std::env::args().nth(3));
    let mut random = Random::new(seed);
    let begun = Instant::now();
    let shares = [("probe", times / 2), ("collect", times / 5), ("serve", times - times / 2 - times / 5)];
    for (name, share) in shares {
        let times = match &part {
            None => share,
            Some(part) if part == name => times,
            Some(_) => continue,
        };
        let kills = match name {
            "probe" => probes(times, &mut random),
            "collect" => collectors(times, &mut random),
            _ => daemons(times, &mut random),
        };
        println!(
            "{name}: {} kills at named points, {} at random moments, seed {seed}, {} s: nothing lost, doubled or stuck",
            kills.at_points,
            kills.at_random,
            begun.elapsed().as_secs()
        );
    }
}

/// From the first moment of the work to its last, whatever the machine is doing beside it.
fn moments(random: &mut Random, count: usize, takes: Duration) -> Vec<Moment> {
    (0..count).map(|_| Moment::random(random, takes.as_millis() as usize + 1)).collect()
}

fn probes(times: usize, random: &mut Random) -> Kills {
    let mut probed = Probed::new(STEPS);
    for point in probed::points() {
        probed.round(&[point]);
    }
    while probed.kills.all() < times {
        probed.round(&moments(random, 10, probed.takes));
    }
    probed.kills
}

fn collectors(times: usize, random: &mut Random) -> Kills {
    let mut collected = Collected::new();
    for points in collected::points().chunks(2) {
        collected.round(points);
    }
    while collected.kills.all() < times {
        // Its runs are recorded one by one, so that each kill meets another part of them.
        collected.round(&moments(random, 8, collected.takes / 4));
    }
    collected.kills
}

fn daemons(times: usize, random: &mut Random) -> Kills {
    let mut served = Served::new(STEPS);
    for moment in served::points_of_the_start() {
        served.start_killed_at(&moment);
    }
    for point in served::points() {
        served.round(&[point]);
    }
    while served.kills.all() < times {
        served.round(&moments(random, MOST_KILLS_OF_A_JOB, served.takes));
    }
    served.kills
}
