//! Certificates, requests, revocation lists, the union's CA.
