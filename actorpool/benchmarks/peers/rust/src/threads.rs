// SPDX-License-Identifier: Apache-2.0
//! A thread per inbox, over any bounded channel of threads.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::mpsc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::load::{await_last, check, check_numbers, Key, Load};
use crate::options::Options;
use crate::Outcome;

/// A bounded multi-producer channel of threads. Static dispatch, so that nothing but the library is measured.
pub trait Channel {
    type Sender<T: Send + 'static>: Send + Sync + 'static;
    type Receiver<T: Send + 'static>: Send + 'static;

    fn bounded<T: Send + 'static>(capacity: usize) -> (Self::Sender<T>, Self::Receiver<T>);
    /// Waits while the channel is full; false when nobody receives any more.
    fn send<T: Send + 'static>(sender: &Self::Sender<T>, value: T) -> bool;
    /// Waits for a value; `None` when every sender is gone and the channel is empty.
    fn receive<T: Send + 'static>(receiver: &Self::Receiver<T>) -> Option<T>;
}

/// The whole program of a library of thread channels.
pub fn main<C: Channel>() -> ExitCode {
    crate::run(dispatch::<C>, pass_numbers::<C>)
}

/// Time from the first message sent to the last one handled.
fn dispatch<C: Channel>(options: &Options) -> Outcome<Duration> {
    let load = Arc::new(Load::new(options));
    let expected = load.expected();
    let (done, all_done) = mpsc::channel();
    let (mut inboxes, mut actors) = (Vec::new(), Vec::new());
    for (index, share) in expected.iter().copied().enumerate() {
        let (sender, receiver) = C::bounded(options.inbox);
        let done = done.clone();
        inboxes.push(sender);
        actors.push(start(format!("actor-{index}"), move || {
            handle::<C>(&receiver, share, &done)
        })?);
    }
    drop(done);
    let started = Instant::now();
    let producers = start_producers::<C>(options, &load, inboxes)?;
    await_last(&expected, &all_done)?;
    let elapsed = started.elapsed();
    join(producers)?;
    check(&expected, &join(actors)?)?;
    Ok(elapsed)
}

/// The same for one channel of numbers between two threads; the consumer checks that they arrive in order.
fn pass_numbers<C: Channel>(options: &Options) -> Outcome<Duration> {
    let (sender, receiver) = C::bounded(options.inbox);
    let messages = options.messages as u64;
    let started = Instant::now();
    let consumer = start("consumer".to_owned(), move || {
        (0..messages).all(|n| C::receive(&receiver) == Some(n))
    })?;
    let producer = start("producer".to_owned(), move || {
        (0..messages).all(|n| C::send(&sender, n))
    })?;
    let in_order = consumer.join().map_err(|_| "join the consumer: it panicked")?;
    let elapsed = started.elapsed();
    let sent = producer.join().map_err(|_| "join the producer: it panicked")?;
    check_numbers(in_order && sent).map(|()| elapsed)
}

fn start_producers<C: Channel>(
    options: &Options,
    load: &Arc<Load>,
    inboxes: Vec<C::Sender<Key>>,
) -> Outcome<Vec<JoinHandle<bool>>> {
    let inboxes = Arc::new(inboxes);
    let produce = |producer| {
        let (load, inboxes) = (load.clone(), inboxes.clone());
        start(format!("producer-{producer}"), move || {
            load.of_producer(producer)
                .all(|(actor, key)| C::send(&inboxes[actor], key))
        })
    };
    (0..options.producers).map(produce).collect()
}

fn handle<C: Channel>(inbox: &C::Receiver<Key>, share: usize, done: &mpsc::Sender<()>) -> usize {
    let mut handled = 0;
    while let Some(key) = C::receive(inbox) {
        black_box(key);
        handled += 1;
        if handled == share {
            let _ = done.send(());
        }
    }
    handled
}

fn start<T: Send + 'static>(name: String, body: impl FnOnce() -> T + Send + 'static) -> Outcome<JoinHandle<T>> {
    thread::Builder::new()
        .name(name)
        .spawn(body)
        .map_err(|cause| format!("start a thread: {cause}"))
}

fn join<T>(threads: Vec<JoinHandle<T>>) -> Outcome<Vec<T>> {
    threads
        .into_iter()
        .map(|thread| thread.join().map_err(|_| "join a thread: it panicked".to_owned()))
        .collect()
}
