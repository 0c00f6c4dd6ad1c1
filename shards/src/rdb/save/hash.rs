//! Large hashes as bytes: field by field, with their expires if the version has a form for these.

use super::options::{CannotHold, SaveOptions};
use super::pieces::{Budget, write_element};
use crate::encoding::member_table::{Field, Fields};
use crate::expires::is_over;
use crate::rdb::sink::Sink;
use crate::rdb::value_type::ValueType;
use crate::rdb::version::Dialect;

/// In the place of a field's expire: there is none.
const NO_EXPIRE: i64 = -1;

/// The form in which a hash is written.
pub(super) fn form_of(fields: &Fields, options: SaveOptions) -> Result<ValueType, CannotHold> {
    let version = options.version;
    match fields.next_expire_ms() {
        None => Ok(ValueType::Hash),
        Some(_) if version.has_field_expires() => match version.read().dialect {
            Dialect::Redis => Ok(ValueType::HashExpires),
            Dialect::Valkey => Ok(ValueType::HashExpiresValkey),
        },
        Some(_) if options.drop_field_expires_at_ms.is_some() => Ok(ValueType::Hash),
        Some(_) => Err(CannotHold),
    }
}

/// How much of a hash has been written.
#[derive(Debug, Default)]
pub(super) struct HashCursor {
    has_begun: bool,
    cursor: u64,
}

impl HashCursor {
    /// Writes about `budget_bytes` more, and says whether that was the last of it.
    pub(super) fn write_some(
        &mut self,
        fields: &Fields,
        form: ValueType,
        options: SaveOptions,
        budget_bytes: usize,
        sink: &mut Sink<'_>,
    ) -> bool {
        let budget = Budget::new(budget_bytes, sink);
        let first_ms = fields.next_expire_ms().unwrap_or(0);
        let left_out_at_ms = options.drop_field_expires_at_ms.filter(|_| form == ValueType::Hash);
        if !self.has_begun {
            if form == ValueType::HashExpires {
                sink.time_ms(as_time(first_ms));
            }
            let left_out = left_out_at_ms.map_or(0, |now_ms| fields.over_len(now_ms));
            sink.length((fields.len() - left_out) as u64);
            self.has_begun = true;
        }
        loop {
            self.cursor = fields.scan(self.cursor, 1, |field| {
                let is_left_out = left_out_at_ms
                    .is_some_and(|now_ms| field.expire_ms.is_some_and(|at_ms| is_over(at_ms, now_ms)));
                if !is_left_out {
                    write_field(&field, form, first_ms, sink);
                }
            });
            if self.cursor == 0 || budget.is_used(sink) {
                return self.cursor == 0;
            }
        }
    }
}

fn write_field(field: &Field<'_>, form: ValueType, first_ms: u64, sink: &mut Sink<'_>) {
    if form == ValueType::HashExpires {
        // 0 is none, so that the first time is 1.
        sink.length(field.expire_ms.map_or(0, |at_ms| at_ms - first_ms + 1));
    }
    write_element(field.field, sink);
    write_element(field.value, sink);
    if form == ValueType::HashExpiresValkey {
        sink.time_ms(field.expire_ms.map_or(NO_EXPIRE, as_time));
    }
}

fn as_time(at_ms: u64) -> i64 {
    i64::try_from(at_ms).unwrap_or(i64::MAX)
}
