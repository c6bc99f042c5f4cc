//! Files on their way: temporary, whole, durable.
