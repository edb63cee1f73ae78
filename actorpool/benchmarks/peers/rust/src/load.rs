// SPDX-License-Identifier: Apache-2.0
//! The messages: 512 keys in turn, and the actor each belongs to.

use std::hash::Hasher;
use std::sync::mpsc;

use rustc_hash::FxHasher;

use crate::options::Options;
use crate::Outcome;

const KEYS: usize = 512;

/// A message is its key, borrowed: nothing cheaper can be sent.
pub type Key = &'static str;

pub struct Load {
    keys: Vec<Key>,
    messages: usize,
    producers: usize,
    actors: usize,
}

impl Load {
    pub fn new(options: &Options) -> Self {
        let keys = (0..KEYS).map(|i| &*format!("package-{}", i * 7919).leak()).collect();
        Self {
            keys,
            messages: options.messages,
            producers: options.producers,
            actors: options.actors,
        }
    }

    /// The messages of one producer, each with its actor: the key is hashed anew for every message.
    pub fn of_producer(&self, producer: usize) -> impl Iterator<Item = (usize, Key)> + '_ {
        self.keys
            .iter()
            .cycle()
            .take(self.share(producer))
            .map(|key| (self.actor_of(key), *key))
    }

    /// How many messages each actor must get.
    pub fn expected(&self) -> Vec<usize> {
        let mut expected = vec![0; self.actors];
        for share in (0..self.producers).map(|producer| self.share(producer)) {
            for (i, key) in self.keys.iter().enumerate() {
                expected[self.actor_of(key)] += share / KEYS + usize::from(i < share % KEYS);
            }
        }
        expected
    }

    fn share(&self, producer: usize) -> usize {
        self.messages / self.producers + usize::from(producer < self.messages % self.producers)
    }

    fn actor_of(&self, key: Key) -> usize {
        let mut hasher = FxHasher::default();
        hasher.write(key.as_bytes());
        (((hasher.finish() >> 32) * self.actors as u64) >> 32) as usize
    }
}

/// Waits until every actor that has messages to come has handled them all.
pub fn await_last(expected: &[usize], all_done: &mpsc::Receiver<()>) -> Outcome<()> {
    let busy = expected.iter().filter(|share| **share > 0).count();
    (0..busy)
        .try_for_each(|_| all_done.recv())
        .map_err(|_| "await the last message: some were lost".to_owned())
}

/// Fails unless every actor handled exactly what it had to.
pub fn check(expected: &[usize], handled: &[usize]) -> Outcome<()> {
    match expected.iter().zip(handled).position(|(wanted, got)| wanted != got) {
        None => Ok(()),
        Some(actor) => Err(format!(
            "check actor {actor}: handled {} messages instead of {}",
            handled[actor], expected[actor]
        )),
    }
}

/// Fails unless a channel's numbers all arrived in order.
pub fn check_numbers(arrived: bool) -> Outcome<()> {
    arrived
        .then_some(())
        .ok_or_else(|| "check the numbers: lost or out of order".to_owned())
}
