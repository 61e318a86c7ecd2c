//! Damaged portfolio files are read or refused, and every message about them is readable.

use portfolio::csv::read;
use proptest::prelude::*;

const SAMPLES: [&[u8]; 4] = [
    b"Ticker,Side,Quantity,Avg Cost\nAAPL US Equity,Long,\"1,500\",150.25\nGME,Short,200,\n",
    b"symbol;market_value\nSPY;($1,000,000)\nIWM;400-\n",
    b"SPY,100\nIWM,-50\nBRK/B,\"3\"\n",
    b"class,asset_class,symbol,quantity,multiplier,delta,right,strike,expiry,vol,rate,underlying\n\
      a,Future,SPY,2,50,,,,,,,SPY\nb,Option,SPY,1,100,.5,,,,,\n\
      c,Option,SPY,1,100,,C,9,2030-01-01,2%,0\n",
];

fn is_readable(text: &str) -> bool {
    text.len() <= 4_096 && !text.chars().any(char::is_control)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_portfolios_are_read_or_refused(
        sample in 0..SAMPLES.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        repeated in any::<(prop::sample::Index, prop::sample::Index)>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = SAMPLES[sample].to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let (from, to) = (repeated.0.index(bytes.len()), repeated.1.index(bytes.len()));
        let copy = bytes[from.min(to)..from.max(to)].to_vec();
        bytes.splice(to..to, copy);
        bytes.truncate(cut.index(bytes.len() + 1));
        match read(&bytes) {
            Ok(book) => {
                prop_assert!(book.rejected.iter().all(|bad| is_readable(&bad.text)), "{:?}", book);
                // An average cost of zero counts as absent; its sign is ignored.
                prop_assert!(book.lines.iter().all(|line| line.average_cost.is_none_or(|c| 0.0 < c)));
            }
            Err(refusal) => prop_assert!(is_readable(&refusal.to_string()), "{}", refusal),
        }
    }
}
