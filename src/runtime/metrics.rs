//! Metrics as struct fields whose doc comment is the help text that Prometheus shows.

pub use prometheus::{
    Counter, Encoder, Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Registry, TextEncoder,
};
use prometheus::{HistogramOpts, Opts};

/// A metric that can be made from its name, help and labels.
pub trait Metric: Sized + Clone + prometheus::core::Collector + 'static {
    /// Makes it.
    fn make(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self>;
}

macro_rules! plain {
    ($($metric:ty),*) => {$(
        impl Metric for $metric {
            fn make(name: &str, help: &str, _: &[&str]) -> prometheus::Result<Self> {
                Self::with_opts(Opts::new(name, help))
            }
        }
    )*};
}

macro_rules! labelled {
    ($($metric:ty),*) => {$(
        impl Metric for $metric {
            fn make(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self> {
                Self::new(Opts::new(name, help), labels)
            }
        }
    )*};
}

plain!(Counter, IntCounter, IntGauge, Gauge);
labelled!(IntCounterVec, IntGaugeVec, GaugeVec);

/// Seconds from a tenth of a millisecond to a quarter of an hour.
const SECONDS: &[f64] = &[0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0];

impl Metric for Histogram {
    fn make(name: &str, help: &str, _: &[&str]) -> prometheus::Result<Self> {
        Self::with_opts(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()))
    }
}

impl Metric for HistogramVec {
    fn make(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self> {
        Self::new(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()), labels)
    }
}

/// Declares a struct of metrics. The field's name with the prefix is the metric's name, its doc comment the help text.
///
/// ```
/// kenpo_express::metrics! {
///     /// Metrics of an example.
///     pub struct Example("kx_example") {
///         /// Files seen.
///         files_total: IntCounterVec["verdict"],
///         /// Files that wait.
///         waiting: IntGauge[],
///     }
/// }
/// let metrics = Example::new();
/// metrics.files_total.with_label_values(&["accepted"]).inc();
/// assert!(metrics.render().contains("kx_example_files_total{verdict=\"accepted\"} 1"));
/// ```
#[macro_export]
macro_rules! metrics {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident($prefix:literal) {
            $($(#[doc = $help:literal])+ $field:ident: $metric:ident[$($label:literal),*],)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        $vis struct $name {
            $($(#[doc = $help])+ pub $field: $crate::runtime::metrics::$metric,)*
            registry: $crate::runtime::metrics::Registry,
        }

        impl $name {
            /// All at zero.
            $vis fn new() -> Self {
                let registry = $crate::runtime::metrics::Registry::new();
                Self {
                    $($field: $crate::runtime::metrics::register(
                        &registry,
                        concat!($prefix, "_", stringify!($field)),
                        concat!($($help),+).trim(),
                        &[$($label),*],
                    ),)*
                    registry,
                }
            }

            /// In the text format that Prometheus reads.
            $vis fn render(&self) -> String {
                $crate::runtime::metrics::render(&self.registry)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

/// Makes a metric and puts it into the registry.
#[doc(hidden)]
pub fn register<M: Metric>(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> M {
    let metric = M::make(name, help, labels).expect("metric names and labels are constants that are valid");
    registry.register(Box::new(metric.clone())).expect("each field of a metrics struct has its own name");
    metric
}

/// Everything in the registry, in the text format.
#[doc(hidden)]
pub fn render(registry: &Registry) -> String {
    let mut text = String::new();
    TextEncoder::new().encode_utf8(&registry.gather(), &mut text).expect("a string takes any metric");
    text
}
