//! The proleptic Gregorian calendar as numbers: days since 1970-01-01 ↔ year, month, day.
//!
//! The algorithm counts years from March, so that the leap day is the last of its year, and eras of 400 years, which all
//! have 146,097 days.

/// Days in 400 years.
const DAYS_PER_ERA: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_EPOCH: i64 = 719_468;

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CivilDate {
    /// The year; 0 is the year before 1.
    pub(crate) year: i64,
    /// 1 to 12.
    pub(crate) month: u8,
    /// 1 to 31.
    pub(crate) day: u8,
}

/// The day `days` after 1970-01-01.
pub(crate) fn civil_from_days(days: i64) -> CivilDate {
    let shifted = days + DAYS_TO_EPOCH;
    let era = shifted.div_euclid(DAYS_PER_ERA);
    let day_of_era = shifted.rem_euclid(DAYS_PER_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    CivilDate {
        year,
        month: u8::try_from(month).unwrap_or(1),
        day: u8::try_from(day).unwrap_or(1),
    }
}

/// The days from 1970-01-01 to this day. `None` if there is no such day.
pub(crate) fn days_from_civil(year: i64, month: u8, day: u8) -> Option<i64> {
    if !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
        return None;
    }
    let (month, day) = (i64::from(month), i64::from(day));
    let shifted_year = year - i64::from(month <= 2);
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH)
}

/// How many days a month has.
pub(crate) fn days_in_month(year: i64, month: u8) -> u8 {
    match month {
        2 if is_leap_year(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Whether February has 29 days.
pub(crate) fn is_leap_year(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The day `months` months later; the last day of that month, if it is shorter. `None` if it is out of the range of dates.
pub(crate) fn add_months(days: i32, months: i64) -> Option<i32> {
    let date = civil_from_days(i64::from(days));
    let total = date.year * 12 + i64::from(date.month) - 1 + months;
    let year = total.div_euclid(12);
    let month = u8::try_from(total.rem_euclid(12) + 1).ok()?;
    let day = date.day.min(days_in_month(year, month));
    i32::try_from(days_from_civil(year, month, day)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_each_others_inverse() {
        for days in (-1_000_000..1_000_000).step_by(97) {
            let date = civil_from_days(days);
            assert_eq!(days_from_civil(date.year, date.month, date.day), Some(days));
        }
        assert_eq!(days_from_civil(1970, 1, 1), Some(0));
        assert_eq!(days_from_civil(2024, 2, 29), Some(19782));
        assert_eq!(days_from_civil(2023, 2, 29), None);
        assert_eq!(days_from_civil(-1, 12, 31), Some(-719_529));
    }

    #[test]
    fn adding_months_stays_within_the_month() {
        let day = |year, month, day| i32::try_from(days_from_civil(year, month, day).unwrap());
        assert_eq!(
            add_months(day(2024, 1, 31).unwrap(), 1),
            day(2024, 2, 29).ok()
        );
        assert_eq!(
            add_months(day(2024, 3, 31).unwrap(), -1),
            day(2024, 2, 29).ok()
        );
        assert_eq!(
            add_months(day(2016, 8, 31).unwrap(), 1),
            day(2016, 9, 30).ok()
        );
    }
}
