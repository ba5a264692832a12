//! Address of the client behind trusted proxies.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::client_address::ClientAddress;
use crate::network::Network;

/// Replaces the address of a trusted proxy with the address of its client.
pub(crate) async fn client_address(
    State(trusted): State<Arc<[Network]>>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(peer) = request.extensions().get::<ClientAddress>() {
        let client = peer.behind_proxies(request.headers(), &trusted);
        request.extensions_mut().insert(client);
    }
    next.run(request).await
}
