//! When it is time to save without being asked: the directive `save` (Redis: serverCron).

use crate::config::SavePoint;
use crate::node::saves::SavesReport;

/// After a save that has failed the next one is not tried before so many seconds (Redis:
/// CONFIG_BGSAVE_RETRY_DELAY).
const RETRY_S: u64 = 5;

/// The save point that is reached: so many changes have been made and so much time has gone by since the last
/// save.
pub fn due(points: &[SavePoint], saves: &SavesReport, last_try_s: u64, now_s: u64) -> Option<SavePoint> {
    let may_try = !saves.has_failed || now_s.saturating_sub(last_try_s) > RETRY_S;
    let is_reached = |point: &&SavePoint| {
        saves.changes >= point.changes && now_s.saturating_sub(saves.last_save_s) > point.seconds
    };
    points.iter().find(is_reached).copied().filter(|_| may_try && saves.began_ms == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saves(changes: u64) -> SavesReport {
        SavesReport {
            changes,
            in_background: false,
            began_ms: 0,
            last_save_s: 1000,
            keys: (0, 0),
            has_failed: false,
            last_duration_s: -1,
            count: 0,
            left_out: 0,
        }
    }

    #[test]
    fn a_point_is_reached_when_both_its_numbers_are() {
        let points = [SavePoint { seconds: 60, changes: 10 }, SavePoint { seconds: 5, changes: 100 }];
        let due = |changes, now_s| due(&points, &saves(changes), 0, now_s).map(|point| point.seconds);
        assert_eq!(due(9, 9999), None);
        assert_eq!(due(10, 1060), None, "more than 60 seconds");
        assert_eq!(due(10, 1061), Some(60));
        assert_eq!(due(100, 1006), Some(5));
        assert_eq!(due(99, 1006), None);
    }

    #[test]
    fn what_has_failed_is_tried_again_a_little_later_and_nothing_beside_another_save() {
        let points = [SavePoint { seconds: 1, changes: 1 }];
        let failed = SavesReport { has_failed: true, ..saves(1) };
        assert_eq!(due(&points, &failed, 1995, 2000), None);
        assert!(due(&points, &failed, 1994, 2000).is_some());
        assert_eq!(due(&points, &SavesReport { began_ms: 7, ..saves(1) }, 0, 2000), None);
        assert_eq!(due(&[], &saves(100), 0, 9999), None);
    }
}
