// SPDX-License-Identifier: Apache-2.0
//! tokio: a task per actor on the multi-thread runtime, each behind a bounded channel that it reads in batches, the
//! fastest way found. A panic ends its task for good.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::mpsc as std_mpsc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use dispatch_peers::load::{await_last, check, check_numbers, Key, Load};
use dispatch_peers::options::Options;
use dispatch_peers::Outcome;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

type Inboxes = Arc<Vec<mpsc::Sender<Key>>>;

fn main() -> ExitCode {
    dispatch_peers::run(dispatch, pass_numbers)
}

fn dispatch(options: &Options) -> Outcome<Duration> {
    let runtime = runtime(options)?;
    let load = Arc::new(Load::new(options));
    let expected = load.expected();
    let (done, all_done) = std_mpsc::channel();
    let (mut inboxes, mut actors) = (Vec::new(), Vec::new());
    for share in expected.iter().copied() {
        let (sender, receiver) = mpsc::channel(options.inbox);
        inboxes.push(sender);
        actors.push(runtime.spawn(handle(receiver, share, done.clone())));
    }
    drop(done);
    let started = Instant::now();
    start_producers(&runtime, options, &load, inboxes)?;
    await_last(&expected, &all_done)?;
    let elapsed = started.elapsed();
    check(&expected, &runtime.block_on(join(actors))?)?;
    Ok(elapsed)
}

fn pass_numbers(options: &Options) -> Outcome<Duration> {
    let runtime = runtime(options)?;
    let (sender, receiver) = mpsc::channel(options.inbox);
    let messages = options.messages as u64;
    let started = Instant::now();
    let consumer = runtime.spawn(receive_numbers(receiver, messages));
    runtime.spawn(async move {
        for n in 0..messages {
            if sender.send(n).await.is_err() {
                return;
            }
        }
    });
    let in_order = runtime.block_on(join(vec![consumer]))?[0];
    let elapsed = started.elapsed();
    check_numbers(in_order).map(|()| elapsed)
}

fn runtime(options: &Options) -> Outcome<Runtime> {
    let built = Builder::new_multi_thread().worker_threads(options.workers).build();
    built.map_err(|cause| format!("start the runtime: {cause}"))
}

/// Fewer producers than workers send faster from threads of their own, more of them as tasks: each gets its better way.
fn start_producers(
    runtime: &Runtime,
    options: &Options,
    load: &Arc<Load>,
    inboxes: Vec<mpsc::Sender<Key>>,
) -> Outcome<()> {
    let inboxes = Arc::new(inboxes);
    for producer in 0..options.producers {
        let (load, inboxes) = (load.clone(), inboxes.clone());
        if options.producers < options.workers {
            let named = thread::Builder::new().name(format!("producer-{producer}"));
            let started = named.spawn(move || send_blocking(&load, producer, &inboxes));
            started.map_err(|cause| format!("start a producer: {cause}"))?;
        } else {
            runtime.spawn(send(load, producer, inboxes));
        }
    }
    Ok(())
}

fn send_blocking(load: &Load, producer: usize, inboxes: &Inboxes) -> bool {
    load.of_producer(producer)
        .all(|(actor, key)| inboxes[actor].blocking_send(key).is_ok())
}

async fn send(load: Arc<Load>, producer: usize, inboxes: Inboxes) {
    for (actor, key) in load.of_producer(producer) {
        if inboxes[actor].send(key).await.is_err() {
            return;
        }
    }
}

async fn handle(mut inbox: mpsc::Receiver<Key>, share: usize, done: std_mpsc::Sender<()>) -> usize {
    let mut handled = 0;
    let mut batch = Vec::new();
    while inbox.recv_many(&mut batch, inbox.max_capacity()).await > 0 {
        for key in batch.drain(..) {
            black_box(key);
            handled += 1;
            if handled == share {
                let _ = done.send(());
            }
        }
    }
    handled
}

async fn receive_numbers(mut channel: mpsc::Receiver<u64>, messages: u64) -> bool {
    let mut next = 0;
    let mut batch = Vec::new();
    while channel.recv_many(&mut batch, channel.max_capacity()).await > 0 {
        for n in batch.drain(..) {
            if n != next {
                return false;
            }
            next += 1;
        }
    }
    next == messages
}

async fn join<T>(tasks: Vec<JoinHandle<T>>) -> Outcome<Vec<T>> {
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        results.push(task.await.map_err(|cause| format!("join a task: {cause}"))?);
    }
    Ok(results)
}
