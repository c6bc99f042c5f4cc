//! What background tasks do, as metrics. Their names are a constant set.

use std::time::Duration;

use jiff::Timestamp;

use super::task::Snapshot;

crate::metrics! {
    /// Metrics of background tasks.
    pub struct TaskMetrics("kx_task") {
        /// When the last run of a task ended, in seconds since 1970.
        last_run_timestamp_seconds: GaugeVec["task"],
        /// How long the last run of a task took, in seconds.
        last_run_seconds: GaugeVec["task"],
        /// 1 when the last run of a task failed, else 0.
        failed: IntGaugeVec["task"],
        /// Seconds for which a task has been running; 0 when it is not.
        running_seconds: GaugeVec["task"],
        /// Seconds by which a task is late; 0 when it is not.
        late_seconds: GaugeVec["task"],
        /// Runs of a task.
        runs_total: IntCounterVec["task"],
        /// Runs of a task that failed.
        failures_total: IntCounterVec["task"],
    }
}

impl TaskMetrics {
    /// Shows the tasks, in the text format that Prometheus reads.
    pub fn show(&self, tasks: &[Snapshot]) -> String {
        let seconds = |seconds| Duration::from_secs(seconds).as_secs_f64();
        for task in tasks {
            let name = [task.name.as_ref()];
            if let (Some(began), Some(ended)) = (task.last_began_at, task.last_ended_at) {
                let epoch = ended.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64();
                self.last_run_timestamp_seconds.with_label_values(&name).set(epoch);
                self.last_run_seconds.with_label_values(&name).set(ended.duration_since(began).as_secs_f64());
            }
            let failed = task.last_result.as_deref().is_some_and(|result| result != "done");
            self.failed.with_label_values(&name).set(failed.into());
            self.running_seconds.with_label_values(&name).set(seconds(task.running_seconds.unwrap_or(0)));
            self.late_seconds.with_label_values(&name).set(seconds(task.late_seconds));
            for (counter, count) in [(&self.runs_total, task.runs), (&self.failures_total, task.failures)] {
                let counter = counter.with_label_values(&name);
                counter.inc_by(count.saturating_sub(counter.get()));
            }
        }
        self.render()
    }
}
