//! Figures of all rounds, and the tables made of them: medians with their spread, shoal's ratios, goals.
//! It must not know how a figure was measured.

use testkit::Kind;

use crate::rows::{Against, Column, Goal, Row, SERVERS, server_name};
use crate::stats::Spread;
use crate::table::Table;

/// All figures of one row.
#[derive(Clone, Debug)]
pub struct RowFigures {
    /// The row.
    pub row: Row,
    /// For each server that was measured: a list of rounds, each with one figure a column.
    pub servers: Vec<(Kind, Vec<Vec<f64>>)>,
}

impl RowFigures {
    /// An empty list for `servers`.
    pub fn new(row: Row, servers: &[Kind]) -> RowFigures {
        RowFigures { row, servers: servers.iter().map(|&kind| (kind, Vec::new())).collect() }
    }

    /// Keeps a round's figures. A round that failed is kept as figures that are not numbers, so that rounds
    /// of different servers still pair up; [`Spread`] then gives none.
    pub fn push(&mut self, kind: Kind, figures: Option<Vec<f64>>) {
        let width = self.row.work.columns().len();
        if let Some((_, rounds)) = self.servers.iter_mut().find(|(server, _)| *server == kind) {
            rounds.push(figures.unwrap_or_else(|| vec![f64::NAN; width]));
        }
    }

    fn samples(&self, kind: Kind, column: usize) -> Vec<f64> {
        let rounds = self.servers.iter().find(|(server, _)| *server == kind).map(|(_, rounds)| rounds);
        rounds.into_iter().flatten().map(|figures| figures[column]).collect()
    }

    fn figure(&self, kind: Kind, column: usize) -> Option<Spread> {
        Spread::of(&self.samples(kind, column))
    }

    fn ratio_to(&self, kind: Kind, column: usize) -> Option<Spread> {
        Spread::of_ratios(&self.samples(SERVERS[0], column), &self.samples(kind, column))
    }
}

/// One table for each kind of work, in the order of the rows.
pub fn figure_tables(figures: &[RowFigures]) -> Vec<Table> {
    figures
        .chunk_by(|a, b| a.row.work.title() == b.row.work.title())
        .map(|rows| {
            let columns = rows[0].row.work.columns();
            let mut table = Table {
                title: rows[0].row.work.title().to_owned(),
                heading: heading(columns),
                rows: Vec::new(),
            };
            for row in rows {
                for (kind, _) in &row.servers {
                    table.rows.push(line(row, *kind, columns));
                }
            }
            table
        })
        .collect()
}

fn heading(columns: &[Column]) -> Vec<String> {
    let names = columns.iter().map(|column| column.name.to_owned());
    let ratios = columns.iter().filter(|column| column.ratio);
    let ratios = ratios.map(|column| format!("shoal / this, {}", column.name));
    ["row".to_owned(), "server".to_owned()].into_iter().chain(names).chain(ratios).collect()
}

fn line(row: &RowFigures, kind: Kind, columns: &[Column]) -> Vec<String> {
    let mut cells = vec![row.row.name.to_owned(), server_name(kind).to_owned()];
    for (index, column) in columns.iter().enumerate() {
        cells.push(cell(row.figure(kind, index), column.decimals));
    }
    for (index, _) in columns.iter().enumerate().filter(|(_, column)| column.ratio) {
        let ratio = if kind == SERVERS[0] { None } else { row.ratio_to(kind, index) };
        cells.push(cell(ratio, 2));
    }
    cells
}

fn cell(spread: Option<Spread>, decimals: usize) -> String {
    match spread {
        None => "-".to_owned(),
        Some(Spread { median, min, max }) if min == max => format!("{median:.decimals$}"),
        Some(Spread { median, min, max }) => {
            format!("{median:.decimals$} ({min:.decimals$} - {max:.decimals$})")
        }
    }
}

/// Every goal of the rows, and whether it was met.
pub fn goals_table(figures: &[RowFigures]) -> Table {
    let heading = ["row", "goal", "at most", "measured", "verdict"].map(str::to_owned).to_vec();
    let lines = figures.iter().flat_map(|row| row.row.goals.iter().map(|goal| goal_line(figures, row, goal)));
    Table { title: "Goals".to_owned(), heading, rows: lines.collect() }
}

fn goal_line(figures: &[RowFigures], row: &RowFigures, goal: &Goal) -> Vec<String> {
    let column = row.row.work.columns().iter().position(|column| column.name == goal.column);
    let column = column.expect("a test holds every goal against its row's columns");
    let (name, measured) = match goal.against {
        Against::Nothing => (goal.column.to_owned(), row.figure(SERVERS[0], column)),
        Against::Server(kind) => {
            (format!("{}, shoal / {}", goal.column, server_name(kind)), row.ratio_to(kind, column))
        }
        Against::Row(name) => {
            let other = figures.iter().find(|other| other.row.name == name);
            let ours = row.samples(SERVERS[0], column);
            let ratio = other.and_then(|other| Spread::of_ratios(&ours, &other.samples(SERVERS[0], column)));
            (format!("{}, this / \"{name}\"", goal.column), ratio)
        }
    };
    let verdict = match measured {
        None => "not measured".to_owned(),
        Some(spread) if spread.median <= goal.at_most => "met".to_owned(),
        Some(spread) => format!("missed by {:.0} %", 100.0 * (spread.median / goal.at_most - 1.0)),
    };
    vec![row.row.name.to_owned(), name, format!("{:.2}", goal.at_most), cell(measured, 2), verdict]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::rows;

    fn figures(ours: &[f64], theirs: &[f64]) -> RowFigures {
        let row = *rows().find(|row| row.name == "1 shard, P=1, GET").unwrap();
        let mut figures = RowFigures::new(row, &[Kind::Shoal, Kind::Redis]);
        for (&ours, &theirs) in ours.iter().zip(theirs) {
            figures.push(Kind::Shoal, Some(vec![1.0, 1.0, 1.0, ours, 0.0]));
            figures.push(Kind::Redis, Some(vec![2.0, 1.0, 1.0, theirs, 0.0]));
        }
        figures
    }

    #[test]
    fn a_goal_is_held_against_the_median_ratio() {
        let verdict = |ours: &[f64], theirs: &[f64]| {
            let table = goals_table(&[figures(ours, theirs)]);
            (table.rows[0][4].clone(), table.rows[1][4].clone())
        };
        assert_eq!(verdict(&[0.82, 8.0, 0.7], &[1.0, 1.0, 1.0]).0, "met");
        assert_eq!(verdict(&[0.902, 0.902], &[1.0, 1.0]).0, "missed by 10 %");
        assert_eq!(verdict(&[0.5], &[1.0]).1, "not measured", "Valkey did not run");
    }

    #[test]
    fn a_goal_against_another_row_takes_shoal_s_own_figures_of_both() {
        let row = |name: &str| *rows().find(|row| row.name == name).unwrap();
        let of = |name: &str, cpu_us: f64| {
            let mut figures = RowFigures::new(row(name), &[Kind::Shoal]);
            figures.push(Kind::Shoal, Some(vec![1.0, 1.0, 1.0, cpu_us, 0.0]));
            figures
        };
        let both = [of("1 shard, P=1, MSET of 10 keys", 10.0), of("2 shards, P=1, MSET of 10 keys", 40.0)];
        let table = goals_table(&both);
        assert_eq!(table.rows[1][3..], ["4.00".to_owned(), "missed by 33 %".to_owned()]);
        assert_eq!(goals_table(&both[1..]).rows[0][4], "not measured");
    }

    #[test]
    fn ratios_stand_on_the_line_of_the_other_server() {
        let tables = figure_tables(&[figures(&[1.0, 3.0], &[2.0, 2.0])]);
        let [table] = &tables[..] else { panic!("one kind of work, one table") };
        assert_eq!(table.rows[0].last().unwrap(), "-");
        assert_eq!(table.rows[1].last().unwrap(), "1.00 (0.50 - 1.50)");
        assert!(table.rows.iter().all(|row| row.len() == table.heading.len()));
    }

    #[test]
    fn a_failed_round_leaves_no_figure() {
        let mut figures = figures(&[1.0], &[2.0]);
        figures.push(Kind::Redis, None);
        assert_eq!(line(&figures, Kind::Redis, figures.row.work.columns())[5], "-");
    }
}
