//! Questions that concern every worker, and their answers: CLIENT LIST and KILL, CONFIG SET, INFO.
//!
//! The worker of the asking connection sends the question to all workers, itself included, collects the
//! answers in the order of the workers, and writes the reply.
//!
//! Each subject has its own questions and answers, in its own file, and here one variant.

use std::time::Duration;

use shards::error::CommandError;
use shards::reply::Reply;
use shards::slot::ShardId;
use shards::txn::Ticket;

use crate::metrics::report::{Report, StatsQuestion};
use crate::pubsub::hop::{PubSubAnswer, PubSubQuestion};
use crate::session::change::ChangeQuestion;
use crate::session::filter::{ClientAnswer, ClientQuestion};
use crate::session::hand_over::HandOverQuestion;
use crate::session::saving::{SaveAnswer, SaveQuestion};

/// What a worker asks another one, or answers.
pub enum InquiryHop {
    /// A question; the answer is for this ticket.
    Ask(Ticket, Box<Question>),
    /// The answer.
    Answer(Ticket, Box<Answer>),
}

/// What a worker can be asked.
#[derive(Clone)]
pub enum Question {
    /// About changes of what all workers hold.
    Change(ChangeQuestion),
    /// About its clients.
    Clients(ClientQuestion),
    /// About its subscribers.
    PubSub(PubSubQuestion),
    /// About its counters.
    Stats(StatsQuestion),
    /// To do nothing for so long (DEBUG SLEEP).
    Sleep(Duration),
    /// About a client that is handed over.
    HandOver(HandOverQuestion),
    /// To the control worker alone: about a save.
    Save(SaveQuestion),
}

/// What a worker answers.
pub enum Answer {
    /// About its clients.
    Clients(ClientAnswer),
    /// About its subscribers.
    PubSub(PubSubAnswer),
    /// Its counters.
    Report(Box<Report>),
    /// Done.
    Done,
    /// The control worker has done it alone, or has refused it: nobody else will answer.
    Save(SaveAnswer),
    /// The sequencer of changes has done it alone, or has refused it: nobody else will answer.
    Ended(Result<(), CommandError>),
}

/// Writes the reply from all answers, in the order of the workers.
pub type Finish = Box<dyn FnOnce(Vec<Answer>, &mut Reply)>;

/// A question whose answers are still coming in.
pub struct Inquiry {
    answers: Vec<Option<Answer>>,
    finish: Finish,
    /// The asking client speaks RESP3.
    resp3: bool,
}

impl Inquiry {
    /// A question to so many workers.
    pub fn new(workers: usize, resp3: bool, finish: Finish) -> Inquiry {
        Inquiry { answers: (0..workers).map(|_| None).collect(), finish, resp3 }
    }

    /// Takes an answer in; true when it was the last.
    pub fn answered(&mut self, from: ShardId, answer: Answer) -> bool {
        let is_the_only_one = matches!(answer, Answer::Ended(_) | Answer::Save(_));
        self.answers[from.index()] = Some(answer);
        is_the_only_one || self.answers.iter().all(Option::is_some)
    }

    /// The reply, once all have answered.
    pub fn finish(self) -> Reply {
        let mut reply = Reply::new(self.resp3);
        (self.finish)(self.answers.into_iter().flatten().collect(), &mut reply);
        reply
    }
}

/// Writes the reply to a [`NodeChange`].
pub fn finish_change(answers: Vec<Answer>, reply: &mut Reply) {
    match answers
        .into_iter()
        .find_map(|answer| if let Answer::Ended(Err(error)) = answer { Some(error) } else { None })
    {
        Some(error) => reply.error(&error),
        None => reply.ok(),
    }
}
