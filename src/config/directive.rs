//! What a directive is, and how a row of the table declares one.
//!
//! This file must not know any directive.

use super::kind::{Reason, ValueKind};
use super::settings::Config;

/// What a directive does here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It has effect.
    Live,
    /// It tunes or describes something. It is kept and shown, and has no effect for this reason: the end of a
    /// sentence that begins with `because`.
    Idle(&'static str),
    /// It protects the server or its data, or decides what the node is, and does not work: whoever relies on
    /// it must not be served without it.
    Refused(Refusal),
}

/// Why a directive that is not there is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The values, in canonical text, that ask for nothing that is not there.
    harmless: &'static [&'static str],
    /// What the operator cannot have: a whole sentence.
    pub(super) reason: &'static str,
}

/// Where the value lies.
#[derive(Clone, Copy)]
pub(super) enum Store {
    /// In a field of its own. Both functions deal in canonical text.
    Field { get: fn(&Config) -> Vec<u8>, set: fn(&mut Config, &[u8]) },
    /// As text in `Config::kept`.
    Kept,
}

/// One directive.
#[derive(Clone, Copy)]
pub(super) struct Directive {
    pub(super) name: &'static str,
    /// An older name.
    pub(super) alias: Option<&'static str>,
    pub(super) kind: ValueKind,
    /// The canonical text of the default.
    pub(super) default: &'static str,
    pub(super) class: Class,
    /// CONFIG SET may not change it.
    pub(super) immutable: bool,
    /// CONFIG SET may change it only as far as `enable-protected-configs` allows.
    pub(super) protected: bool,
    /// CONFIG GET shows it only to who asks for exactly this name.
    pub(super) hidden: bool,
    store: Store,
}

impl Directive {
    /// The value as CONFIG GET shows it.
    pub(super) fn get(&self, config: &Config) -> Vec<u8> {
        match self.store {
            Store::Field { get, .. } => get(config),
            Store::Kept => {
                config.kept.get(self.name).cloned().unwrap_or_else(|| self.default.as_bytes().to_vec())
            }
        }
    }

    /// Checks the words of a new value and sets it. On error nothing is changed.
    pub(super) fn set(&self, config: &mut Config, words: &[&[u8]]) -> Result<(), Reason> {
        let text = self.kind.parse(&self.get(config), words)?;
        match self.store {
            Store::Field { set, .. } => set(config, &text),
            Store::Kept if text == self.default.as_bytes() => {
                config.kept.remove(self.name);
            }
            Store::Kept => {
                config.kept.insert(self.name, text);
            }
        }
        Ok(())
    }

    /// Why the value that the directive has must not be accepted, when it asks for what is not there.
    pub(super) fn refusal(&self, config: &Config) -> Option<&'static str> {
        let Class::Refused(refusal) = self.class else { return None };
        let value = self.get(config);
        let is_harmless = refusal.harmless.iter().any(|harmless| harmless.as_bytes() == value);
        (!is_harmless).then_some(refusal.reason)
    }

    /// It has no effect, whatever its value.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.class, Class::Idle(_))
    }

    /// The value differs from the built-in default.
    pub(super) fn is_changed(&self, config: &Config) -> bool {
        self.get(config) != self.get(&Config::default())
    }

    pub(super) const fn alias(self, alias: &'static str) -> Directive {
        Directive { alias: Some(alias), ..self }
    }

    pub(super) const fn immutable(self) -> Directive {
        Directive { immutable: true, ..self }
    }

    pub(super) const fn protected(self) -> Directive {
        Directive { protected: true, ..self }
    }

    pub(super) const fn hidden(self) -> Directive {
        Directive { hidden: true, ..self }
    }
}

const fn row(
    name: &'static str,
    kind: ValueKind,
    default: &'static str,
    class: Class,
    store: Store,
) -> Directive {
    Directive {
        name,
        alias: None,
        kind,
        default,
        class,
        immutable: false,
        protected: false,
        hidden: false,
        store,
    }
}

pub(super) const fn live(
    name: &'static str,
    kind: ValueKind,
    default: &'static str,
    store: Store,
) -> Directive {
    row(name, kind, default, Class::Live, store)
}

pub(super) const fn idle(
    name: &'static str,
    kind: ValueKind,
    default: &'static str,
    reason: &'static str,
) -> Directive {
    row(name, kind, default, Class::Idle(reason), Store::Kept)
}

/// The first of the harmless values is the default.
pub(super) const fn refused(
    name: &'static str,
    kind: ValueKind,
    harmless: &'static [&'static str],
    reason: &'static str,
) -> Directive {
    row(name, kind, harmless[0], Class::Refused(Refusal { harmless, reason }), Store::Kept)
}
