// SPDX-License-Identifier: Apache-2.0
//! crossbeam: a thread per actor, each behind a bounded channel. A panic ends its thread for good.

use std::process::ExitCode;

use crossbeam_channel::{Receiver, Sender};
use dispatch_peers::threads::{self, Channel};

struct Crossbeam;

impl Channel for Crossbeam {
    type Sender<T: Send + 'static> = Sender<T>;
    type Receiver<T: Send + 'static> = Receiver<T>;

    fn bounded<T: Send + 'static>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        crossbeam_channel::bounded(capacity)
    }

    fn send<T: Send + 'static>(sender: &Sender<T>, value: T) -> bool {
        sender.send(value).is_ok()
    }

    fn receive<T: Send + 'static>(receiver: &Receiver<T>) -> Option<T> {
        receiver.recv().ok()
    }
}

fn main() -> ExitCode {
    threads::main::<Crossbeam>()
}
