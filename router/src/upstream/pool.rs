//! Connections to providers that wait for their next request.
//!
//! Owns which one is taken and how long one waits; how one is opened is [`super::connect`]'s.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, Scheme};
use tokio::time::Instant;

use super::connection::Connection;

/// Providers close idle connections after a minute or more; ours go first, so that no request is
/// written into one that is being closed.
const IDLE: Duration = Duration::from_secs(50);

/// One that has waited so long is looked at whether its provider has closed it.
const LOOKED_AT: Duration = Duration::from_secs(5);

/// Where connections lead.
type Place = (Scheme, Authority);

/// The connections that wait. Clones share them.
#[derive(Default, Clone)]
pub(super) struct Pool(Arc<Mutex<Idle>>);

#[derive(Default)]
struct Idle {
    /// By place, of which a map has a few: looking through them takes less than a hash. The one
    /// that was used last stands last, and is taken first: the others can grow old.
    waiting: Vec<(Place, Vec<(Instant, Connection)>)>,
    /// When all places were last looked through for old ones.
    swept: Option<Instant>,
}

/// The pool that a connection is from, and its place there.
#[derive(Clone)]
pub(super) struct Home {
    pool: Pool,
    place: Place,
}

impl Pool {
    /// The home of connections to a URL; none where it is no place to connect to.
    pub(super) fn home(&self, url: &Uri) -> Option<Home> {
        let place = (url.scheme()?.clone(), url.authority()?.clone());
        Some(Home { pool: self.clone(), place })
    }

    /// Closes what grew old or was closed by its provider: without requests nothing else would.
    pub(super) fn tidy(&self) {
        let now = Instant::now();
        let mut idle = std::mem::take(&mut self.lock().waiting);
        // Looked at without the lock. Who comes meanwhile finds none and opens one.
        for (_, all) in &mut idle {
            all.retain_mut(|(since, connection)| {
                let waited = now.saturating_duration_since(*since);
                waited < LOOKED_AT || (waited < IDLE && connection.is_free())
            });
        }
        let mut held = self.lock();
        for (place, mut all) in idle.into_iter().filter(|(_, all)| !all.is_empty()) {
            match held.at(&place) {
                // What came in meanwhile was used last.
                Some(waiting) => {
                    all.append(waiting);
                    *waiting = all;
                }
                None => held.waiting.push((place, all)),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn at(&mut self, place: &Place) -> Option<&mut Vec<(Instant, Connection)>> {
        let found = self.waiting.iter_mut().find(|(other, _)| other == place);
        found.map(|(_, waiting)| waiting)
    }
}

impl Home {
    /// Where a new one is to lead.
    pub(super) fn url(&self) -> Uri {
        let (scheme, authority) = self.place.clone();
        let url = Uri::builder().scheme(scheme).authority(authority).path_and_query("/").build();
        url.unwrap_or_default()
    }

    /// A connection that can be used at once, if one waits.
    pub(super) fn free(&self) -> Option<Connection> {
        loop {
            let (since, mut connection) = self.pool.lock().at(&self.place)?.pop()?;
            // Looked at without the lock: it may read from its socket.
            if since.elapsed() < IDLE && connection.is_free() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for the next request.
    pub(super) fn take_in(self, connection: Connection) {
        let now = Instant::now();
        let mut idle = self.pool.lock();
        // Old ones are closed once in a while, wherever they lead.
        if idle.swept.is_none_or(|swept| now - swept > IDLE) {
            idle.swept = Some(now);
            for (_, all) in &mut idle.waiting {
                all.retain(|(since, _)| now - *since < IDLE);
            }
            idle.waiting.retain(|(_, all)| !all.is_empty());
        }
        match idle.at(&self.place) {
            Some(waiting) => waiting.push((now, connection)),
            None => idle.waiting.push((self.place, vec![(now, connection)])),
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn connected() -> (Home, Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
        let connection = Connection::new(TokioIo::new(ours.unwrap()).into()).await.unwrap();
        let url = format!("http://{address}/v1").parse().unwrap();
        (Pool::default().home(&url).unwrap(), connection, theirs.unwrap().0)
    }

    #[tokio::test]
    async fn one_that_came_back_is_taken_again() {
        let (home, mut connection, _provider) = connected().await;
        assert!(home.free().is_none());
        assert!(connection.is_free());
        home.clone().take_in(connection);
        assert!(home.free().is_some());
        assert!(home.free().is_none());
    }

    #[tokio::test]
    async fn one_that_the_provider_closed_is_not() {
        let (home, mut connection, mut provider) = connected().await;
        assert!(connection.is_free());
        home.clone().take_in(connection);
        provider.shutdown().await.unwrap();
        // Until the runtime has heard of it.
        while let Some(connection) = home.free() {
            home.clone().take_in(connection);
            tokio::task::yield_now().await;
        }
        assert_eq!(provider.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn without_requests_too_what_is_of_no_use_is_closed() {
        let (home, mut connection, mut provider) = connected().await;
        assert!(connection.is_free());
        home.clone().take_in(connection);
        provider.shutdown().await.unwrap();
        // What was used a moment ago is left alone, and a pool keeps what it held in its order.
        home.pool.tidy();
        assert_eq!(home.pool.lock().at(&home.place).unwrap().len(), 1);
        let then = Instant::now() - LOOKED_AT;
        home.pool.lock().at(&home.place).unwrap()[0].0 = then;
        // Until the runtime has heard of it.
        while home.pool.lock().at(&home.place).is_some() {
            home.pool.tidy();
            tokio::task::yield_now().await;
        }
        assert_eq!(provider.read(&mut [0]).await.unwrap(), 0);

        let (home, connection, mut provider) = connected().await;
        home.clone().take_in(connection);
        tokio::time::pause();
        tokio::time::advance(IDLE).await;
        home.pool.tidy();
        assert_eq!(provider.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn one_that_grew_old_is_closed() {
        let (home, connection, mut provider) = connected().await;
        home.clone().take_in(connection);
        tokio::time::pause();
        tokio::time::advance(IDLE).await;
        assert!(home.free().is_none());
        assert_eq!(provider.read(&mut [0]).await.unwrap(), 0);
    }
}
