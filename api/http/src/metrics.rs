//! What the server counts, in Prometheus form. Amounts and codes only, never a person.

use dingan_core::decision::Decision;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

/// A request being worked on.
pub struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The server's counters.
pub struct Metrics {
    registry: Registry,
    /// Requests by transaction and result.
    pub requests: IntCounterVec,
    /// Latency by transaction, seconds.
    pub latency: HistogramVec,
    /// Settlements made.
    pub settlements: IntCounter,
    /// Settlements reversed.
    pub reversals: IntCounter,
    /// Fen paid by fund.
    pub fund_fen: IntCounterVec,
    /// Findings by rule.
    pub findings: IntCounterVec,
    /// Requests being worked on.
    in_flight: IntGauge,
}

impl Metrics {
    /// Registers every counter.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let requests = IntCounterVec::new(
            Opts::new("dingan_requests_total", "requests by transaction and result (ok, or the error code)"),
            &["infno", "result"],
        )?;
        let latency = HistogramVec::new(
            HistogramOpts::new("dingan_request_seconds", "time from receipt to answer")
                .buckets(vec![0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]),
            &["infno"],
        )?;
        let settlements = IntCounter::new("dingan_settlements_total", "settlements committed")?;
        let reversals = IntCounter::new("dingan_reversals_total", "reversals committed")?;
        let fund_fen = IntCounterVec::new(
            Opts::new("dingan_fund_paid_fen_total", "fen paid by fund, reversals not taken off"),
            &["fund_pay_type"],
        )?;
        let findings = IntCounterVec::new(Opts::new("dingan_findings_total", "findings by rule"), &["rule"])?;
        let in_flight = IntGauge::new("dingan_requests_in_flight", "requests being worked on")?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(latency.clone()))?;
        registry.register(Box::new(settlements.clone()))?;
        registry.register(Box::new(reversals.clone()))?;
        registry.register(Box::new(fund_fen.clone()))?;
        registry.register(Box::new(findings.clone()))?;
        registry.register(Box::new(in_flight.clone()))?;
        Ok(Self { registry, requests, latency, settlements, reversals, fund_fen, findings, in_flight })
    }

    /// Counts a request as being worked on until what is returned is dropped, however it ends.
    pub fn enter(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// Counts a committed settlement.
    pub fn settled(&self, d: &Decision) {
        self.settlements.inc();
        for p in d.priced.payments.iter().filter(|p| p.fund.is_some() && !p.amount.is_negative()) {
            self.fund_fen.with_label_values(&[p.fund_pay_type.as_str()]).inc_by(p.amount.units().unsigned_abs());
        }
        for f in &d.findings {
            self.findings.with_label_values(&[f.rule.as_str()]).inc();
        }
    }

    /// The exposition text.
    pub fn text(&self) -> String {
        let mut out = Vec::new();
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}
