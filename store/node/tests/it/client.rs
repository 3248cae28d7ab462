//! A client: one connection, one request after the other.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What a node has replied.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Simple(String),
    Error(String),
    Int(i64),
    Value(Vec<u8>),
    Nil,
    List(Vec<Reply>),
}

pub struct Client(pub BufReader<TcpStream>);

impl Client {
    pub fn connect(port: u16) -> std::io::Result<Client> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Client(BufReader::new(stream)))
    }

    /// The bytes of a request.
    pub fn request(words: &[&[u8]]) -> Vec<u8> {
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            bytes.extend(format!("${}\r\n", word.len()).into_bytes());
            bytes.extend_from_slice(word);
            bytes.extend(b"\r\n");
        }
        bytes
    }

    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    pub fn reply(&mut self) -> std::io::Result<Reply> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let (sign, rest) = line.trim_end().split_at(1);
        let number = || rest.parse::<i64>().expect("a number");
        Ok(match sign {
            "+" => Reply::Simple(rest.to_owned()),
            "-" => Reply::Error(rest.to_owned()),
            ":" => Reply::Int(number()),
            "_" => Reply::Nil,
            "$" if number() < 0 => Reply::Nil,
            "$" => {
                let mut value = vec![0; number() as usize + 2];
                self.0.read_exact(&mut value)?;
                value.truncate(value.len() - 2);
                Reply::Value(value)
            }
            "*" => Reply::List((0..number()).map(|_| self.reply()).collect::<Result<_, _>>()?),
            "%" => Reply::List((0..2 * number()).map(|_| self.reply()).collect::<Result<_, _>>()?),
            _ => panic!("no reply: {line:?}"),
        })
    }

    /// Asks in words.
    pub fn try_ask(&mut self, words: &str) -> std::io::Result<Reply> {
        let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
        self.send(&Client::request(&words))?;
        self.reply()
    }

    pub fn ask(&mut self, words: &str) -> Reply {
        self.try_ask(words).unwrap_or_else(|problem| panic!("{words}: {problem}"))
    }
}

pub fn ok() -> Reply {
    Reply::Simple("OK".to_owned())
}

pub fn value(text: &str) -> Reply {
    Reply::Value(text.as_bytes().to_vec())
}
