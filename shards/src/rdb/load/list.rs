//! Lists out of their bytes: element by element, or node by node.

use std::borrow::Cow;

use super::ziplist;
use crate::encoding::listpack;
use crate::encoding::quicklist::{self, Quicklist};
use crate::entry::Packing;
use crate::object::Object;
use crate::rdb::error::RdbError;
use crate::rdb::loaded::{Loaded, Making};
use crate::rdb::opcode;
use crate::rdb::source::{Source, Text};
use crate::rdb::value_type::ValueType;

/// A list that is being read.
#[derive(Debug)]
pub(super) struct ListLoader {
    form: ValueType,
    /// Elements or nodes to come; `None` until it is said how many.
    left: Option<u64>,
    list: Quicklist,
    scratch: Vec<u8>,
}

impl ListLoader {
    /// Nothing of the list has come.
    pub(super) fn new(form: ValueType, making: Making<'_>) -> ListLoader {
        let node = quicklist::Limits::of_fill(making.limits.list_fill);
        let list = Quicklist::new(node, making.limits.list_compress_depth as usize);
        ListLoader { form, left: None, list, scratch: Vec::new() }
    }

    /// Reads a part to its end.
    pub(super) fn feed(&mut self, source: &mut Source<'_>) -> Result<(), RdbError> {
        let mut left = match self.left {
            Some(left) => left,
            None => source.length()?,
        };
        while left > 0 && !source.is_at_end() {
            self.item(source)?;
            left -= 1;
        }
        self.left = Some(left);
        Ok(())
    }

    fn item(&mut self, source: &mut Source<'_>) -> Result<(), RdbError> {
        let is_plain = self.form == ValueType::List
            || (self.form == ValueType::ListQuicklist2 && container(source)? == opcode::NODE_PLAIN);
        let start = *source;
        let text = source.text()?.read(&mut self.scratch)?;
        if is_plain {
            self.list.push_back(text);
        } else if self.form == ValueType::ListQuicklist2 {
            let corrupt = |listpack::Corrupt| start.corrupt("Listpack integrity check failed.");
            listpack::validate(text).map_err(corrupt)?;
            self.list.push_listpack(text);
        } else {
            let corrupt = |ziplist::Corrupt| start.corrupt("Ziplist integrity check failed.");
            let (pack, _) = ziplist::to_listpack(text).map_err(corrupt)?;
            self.list.push_listpack(&pack);
        }
        Ok(())
    }

    /// The list, of which all parts have come.
    pub(super) fn finish(self, making: Making<'_>) -> Result<Option<Loaded<'static>>, RdbError> {
        if self.left != Some(0) {
            return Err(RdbError::Incomplete { needed: 1 });
        }
        Ok(of_quicklist(self.list, making))
    }
}

/// A list of one node that is a listpack and may stay one, which is what most lists are, without a copy of
/// it. `None` for any other.
pub(super) fn of_one_node<'a>(
    source: &mut Source<'a>,
    making: Making<'_>,
) -> Result<Option<Loaded<'a>>, RdbError> {
    if source.length()? != 1 || container(source)? != opcode::NODE_PACKED {
        return Ok(None);
    }
    let start = *source;
    let Text::Raw(bytes) = source.text()? else { return Ok(None) };
    let corrupt = |listpack::Corrupt| start.corrupt("Listpack integrity check failed.");
    let count = listpack::validate(bytes).map_err(corrupt)?;
    let limits = quicklist::Limits::of_fill(making.limits.list_fill).of_one_node();
    let stays = count > 0 && !limits.are_exceeded(bytes.len(), count);
    Ok(stays.then_some(Loaded::Packed(Packing::List, Cow::Borrowed(bytes))))
}

/// What a node is.
fn container(source: &mut Source<'_>) -> Result<u64, RdbError> {
    let start = *source;
    let container = source.length()?;
    match container {
        opcode::NODE_PLAIN | opcode::NODE_PACKED => Ok(container),
        _ => Err(start.corrupt("Quicklist integrity check failed.")),
    }
}

/// A list that is all of a ziplist.
pub(super) fn of_ziplist(bytes: &[u8], making: Making<'_>) -> Result<Option<Loaded<'static>>, &'static str> {
    let (pack, _) =
        ziplist::to_listpack(bytes).map_err(|ziplist::Corrupt| "List ziplist integrity check failed.")?;
    let node = quicklist::Limits::of_fill(making.limits.list_fill);
    let mut list = Quicklist::new(node, making.limits.list_compress_depth as usize);
    list.push_listpack(&pack);
    Ok(of_quicklist(list, making))
}

/// A list is a listpack if it is one node that may be one (Redis: listTypeTryConversion after loading).
fn of_quicklist(list: Quicklist, making: Making<'_>) -> Option<Loaded<'static>> {
    if list.is_empty() {
        return None;
    }
    let limits = quicklist::Limits::of_fill(making.limits.list_fill).of_one_node();
    Some(match list.to_listpack(limits) {
        Some(pack) => Loaded::Packed(Packing::List, Cow::Owned(pack)),
        None => Loaded::Object(Box::new(Object::List(list))),
    })
}
