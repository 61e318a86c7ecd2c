//! Laws: scale, order, parts, restated prices, later facts, repeated settings.

use crate::*;

#[test]
fn twice_the_book_is_twice_the_money_and_the_same_betas() {
    let world = world(120, 400, 2);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let once = lines_of(&world, 60);
    let twice: Vec<(String, f64)> = once.iter().map(|(s, v)| (s.clone(), 2.0 * v)).collect();
    let (once, twice) = (report(&prepared, &raw(&once)), report(&prepared, &raw(&twice)));
    for (a, b) in once.positions.iter().zip(&twice.positions) {
        assert_eq!((a.market, a.size, a.crowd), (b.market, b.size, b.crowd));
        assert_eq!((2.0 * a.market_value).to_bits(), b.market_value.to_bits());
    }
    let money = |report: &ExposureReport| {
        let risk = tail_of(report).unwrap();
        vec![
            report.total.gross(),
            report.total.beta_net().unwrap(),
            report.beta(Factor::Market).unwrap().top_down.unwrap().value,
            report.beta(Factor::Size).unwrap().bottom_up.unwrap().standard_error,
            trade(report).unwinds[2].pnl,
            risk.levels[0].value_at_risk,
            risk.levels[1].expected_shortfall,
        ]
    };
    for (a, b) in money(&once).into_iter().zip(money(&twice)) {
        assert_eq!((2.0 * a).to_bits(), b.to_bits());
    }
    assert_eq!(trade(&once).share_of_variance, trade(&twice).share_of_variance);
}

#[test]
fn parts_add_up() {
    let world = world(200, 500, 8);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let report = report(&prepared, &raw(&lines_of(&world, 66)));
    let gross = report.total.gross();
    let sizes = report.breakdowns[0].groups.iter().map(|group| group.exposure.gross()).sum::<f64>();
    let sectors = report.breakdowns[1]
        .groups
        .iter()
        .map(|group| group.exposure.beta_net().unwrap())
        .sum::<f64>();
    near(sizes, gross, 1e-6 * gross);
    near(sectors, report.total.beta_net().unwrap(), 1e-6 * gross);
    assert_eq!(report.breakdowns[1].groups.len(), 4);
    let risk = tail_of(&report).unwrap();
    for level in &risk.levels {
        near(level.leg_expected_shortfall[0].iter().sum(), level.expected_shortfall, 1e-5 * gross);
        assert!(level.value_at_risk <= level.expected_shortfall);
        let low = level.value_at_risk_low.unwrap();
        assert!(low <= level.value_at_risk);
    }
    let euler: f64 = report.positions.iter().map(shortfall).sum();
    near(euler, risk.levels[0].expected_shortfall, 1e-5 * gross);
    let trade = trade(&report);
    for unwind in &trade.unwinds {
        near(unwind.leg_pnl.iter().sum(), unwind.pnl, 1e-9 * gross);
        assert!(1.6 * unwind.pnl_standard_error < unwind.pnl_high - unwind.pnl);
        near(unwind.pnl_high - unwind.pnl, unwind.pnl - unwind.pnl_low, 1e-9 * gross);
        let beta = trade.beta.top_down.unwrap();
        near(unwind.pnl, beta.value * unwind.trade_return, 1e-5 * gross);
    }
    near(trade.unwinds[2].pnl, 3.0 * trade.unwinds[0].pnl, 1e-9 * gross);
    // Long megacaps and short small caps are the crowded trade, so an unwind loses.
    assert!(trade.unwinds[0].pnl < 0.0 && 0.2 < trade.share_of_variance.unwrap());
    let legs: Vec<_> = trade.legs.iter().map(|leg| leg.exposure).collect();
    assert!(legs[0].short <= 0.0 && legs[1].long <= 0.0);
    near(trade.matched, legs[0].long.min(legs[1].short), 1e-9);
    assert!(report.positions.iter().any(|row| row.legs == [Some(MEGACAP_LONG)]));
    assert_eq!(report.coverage.len(), 5);
    for row in &report.coverage {
        near(row.own + row.proxied + row.missing, 1.0, 1e-12);
    }
}

#[test]
fn neither_the_order_of_lines_nor_threads_change_a_bit() {
    let world = world_with(300, 400, 4, |names| names[111].listed_from = 250);
    let with_threads = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| prepare(&world.snapshot(), &World::roles()))
    };
    let [forward, backward] = [1, 3].map(with_threads);
    let mut lines = lines_of(&world, 150);
    lines.push((world.names[111].symbol.clone(), 3e6));
    lines.push(("UNKNOWN".to_owned(), -12_345.0));
    lines.push(("NO_NAME".to_owned(), 777.0));
    let mut before = report(&forward, &raw(&lines));
    lines.reverse();
    let mut after = report(&backward, &raw(&lines));
    for report in [&mut before, &mut after] {
        for lot in report.positions.iter_mut().flat_map(|row| &mut row.lots) {
            lot.line = 0;
        }
        report.gaps.retain(|gap| gap.reason != GapReason::UnknownInstrument);
    }
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
}

#[test]
fn the_order_of_ingest_changes_no_bit() {
    // Young names, so that stand-ins are drawn; ties, which only names can settle; and sums over
    // many names.
    let young = |names: &mut [world::Truth]| {
        for at in [40, 111, 290] {
            names[at].listed_from = 250;
        }
    };
    let world = world_with(300, 400, 4, young);
    let mut lines: Vec<(String, f64)> = lines_of(&world, 150);
    lines.extend([40, 111, 290].map(|at| (world.names[at].symbol.clone(), 3e6)));
    let reports = [world.snapshot(), world.folded_backwards(4)].map(|snapshot| {
        let mut report = report(&prepare(&snapshot, &World::roles()), &raw(&lines));
        // The instrument number is the one number that answers do not contain.
        report.positions.iter_mut().for_each(|row| row.instrument = InstrumentId::NONE);
        format!("{report:?}")
    });
    assert!(reports[0] == reports[1], "{}\n{}", reports[0], reports[1]);
}

#[test]
fn prices_restated_on_another_basis_change_nothing() {
    let raw_prices = world(80, 400, 6);
    let restated = world_with(80, 400, 6, |names| {
        names[3].restated = 20.0;
        names[70].restated = 0.1;
    });
    let reports = [raw_prices, restated].map(|world| {
        let prepared = prepare(&world.snapshot(), &World::roles());
        let lines =
            [RawLine::of("AMZN", Size::Shares(100.0)), RawLine::of("N0070", Size::Shares(-500.0))];
        report(&prepared, &lines)
    });
    let [a, b] = &reports;
    let gross = a.total.gross();
    near(b.total.gross(), gross, 1e-9 * gross);
    let both = |report: &ExposureReport| {
        (
            report.beta(Factor::Market).unwrap().bottom_up.unwrap().value,
            trade(report).unwinds[0].pnl,
        )
    };
    near(both(b).0, both(a).0, 1e-5 * gross);
    near(both(b).1, both(a).1, 1e-5 * gross);
    for (a, b) in a.positions.iter().zip(&b.positions) {
        assert_eq!((&a.bucket, &a.legs), (&b.bucket, &b.legs));
        near(
            b.market_cap_usd.unwrap(),
            a.market_cap_usd.unwrap(),
            1e-9 * a.market_cap_usd.unwrap(),
        );
    }
}

#[test]
fn later_publications_change_nothing() {
    let world = world(60, 500, 9);
    let short_log = Arc::new(world.fold(9, 420));
    let lines = lines_of(&world, 30);
    let reports = [&world.market, &short_log].map(|market| {
        let prepared = prepare(&world.snapshot_at(market, 419), &World::roles());
        format!("{:?}", report(&prepared, &raw(&lines)))
    });
    assert_eq!(reports[0], reports[1]);
}

#[test]
fn repeated_settings_change_no_beta() {
    let world = world(60, 400, 14);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = lines_of(&world, 20);
    let ids: Vec<_> = lines.iter().filter_map(|(s, _)| prepared.lookup().find(s)).collect();
    let again = prepared.with_settings(BetaSettings::PREPARED, &ids);
    let reports = [&prepared, &again].map(|p| format!("{:?}", report(p, &raw(&lines))));
    assert_eq!(reports[0], reports[1]);
}

#[test]
fn no_book_gives_a_nan_or_an_infinity() {
    let world = world_with(60, 300, 16, |names| names[40].listed_from = 290);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let young = world.names[40].symbol.as_str();
    let on = Some(world.days[100]);
    for values in [[0.0; 3], [1e15, -1e15, 1e15], [1e-300, -1e-300, 0.0], [5e-324, 1e15, -1.0]] {
        let lines = [worth("MSFT", values[0]), worth(young, values[1]), worth("WHO", values[2])];
        let text =
            format!("{:?}", report_with(&prepared, &lines, BetaSettings::PREPARED, on.as_slice()));
        assert!(!text.contains("NaN") && !text.contains("inf"), "{values:?}: {text}");
    }
}

/// An answer leaves nothing to fit for the same question, also where a listed position needs a fit
/// of its own; a longer listing of the same book still needs some.
#[test]
fn the_same_question_needs_no_second_fit() {
    let world = world(120, 400, 2);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = lines_of(&world, 60);
    let (book, tail) = (&join(&prepared, &raw(&lines), None), &tail(&[0.95], QuantileRule::Linear));
    let ask = |listing| {
        let beta = BetaSettings::PREPARED;
        let (size_scheme, classification) = (SizeScheme::standard(), None);
        let (group_by, trades) = (&[], &[TradeChoice::Standard]);
        let request = Request {
            book,
            blocks: Blocks::ALL,
            beta,
            tails: std::slice::from_ref(tail),
            repeat_on: &[],
            listing,
            size_scheme,
            classification,
            look_through: None,
            group_by,
            trades,
        };
        analyze(&prepared, &request)
    };
    let (few, more) = (Listing::Largest(3), Listing::Largest(4));
    assert!(!prepared.is_whole(book, Listing::Largest(0)));
    ask(Listing::Largest(0));
    assert!(prepared.is_whole(book, Listing::Largest(0)) && !prepared.is_whole(book, few));
    assert_eq!(ask(few).positions.len(), 3);
    assert!(prepared.is_whole(book, few) && !prepared.is_whole(book, more));
}
