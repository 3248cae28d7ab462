//! What nodes send to each other, and what stands on their disks: Protobuf messages. In them stands what the store says, as its
//! own types write it (serde, in the form of postcard), so that this file does not change with the store. When those types
//! change, [`PROTOCOL`] has to be another one: a test says so.

use std::io;

use bytes::{Bytes, BytesMut};
use kvsim_host::Codec;
use kvsim_host::names::{Name, Packed};
use kvsim_store::ndc::Record;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The version of all that is here and of what the store says.
pub const PROTOCOL: u32 = 2;

/// What two nodes say first, the one that has connected and then the other.
#[derive(Clone, PartialEq, Message)]
pub struct Hello {
    /// [`PROTOCOL`]
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    /// The cluster's name.
    #[prost(string, tag = "2")]
    pub cluster: String,
    /// The names of all nodes, in their order.
    #[prost(string, repeated, tag = "3")]
    pub nodes: Vec<String>,
    /// The number of the node that says this.
    #[prost(uint32, tag = "4")]
    pub from: u32,
    /// Which life it lives.
    #[prost(uint32, tag = "5")]
    pub incarnation: u32,
    /// The number of the node that hears it.
    #[prost(uint32, tag = "6")]
    pub to: u32,
    /// The number of that node's last write that is known here.
    #[prost(uint64, tag = "7")]
    pub knows: u64,
    /// In place of all that: why the other node is not talked to.
    #[prost(string, tag = "8")]
    pub refused: String,
}

/// A message or a record of the store.
#[derive(Clone, PartialEq, Message)]
pub struct Parcel {
    /// The names of the keys in it.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub keys: Vec<Bytes>,
    /// The contents of the values in it.
    #[prost(message, repeated, tag = "2")]
    pub values: Vec<Content>,
    /// What the store says.
    #[prost(bytes = "bytes", tag = "3")]
    pub what: Bytes,
}

/// What a client has written.
#[derive(Clone, PartialEq, Message)]
pub struct Content {
    /// The value's identity.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Its bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub content: Bytes,
}

/// Bytes before a frame: its length, the most significant byte first.
const LENGTH: usize = 4;

/// A Protobuf message as a frame.
pub fn frame(message: &impl Message) -> Bytes {
    let mut frame = BytesMut::with_capacity(LENGTH + message.encoded_len());
    frame.extend_from_slice(&u32::try_from(message.encoded_len()).unwrap_or(u32::MAX).to_be_bytes());
    message.encode(&mut frame).expect("a buffer grows");
    frame.freeze()
}

/// Takes a frame out of the buffer, if it is there whole.
///
/// # Errors
/// When it is larger than `most`.
pub fn take_frame(buffer: &mut BytesMut, most: usize) -> io::Result<Option<Bytes>> {
    let Some(length) = buffer.first_chunk::<LENGTH>() else { return Ok(None) };
    let length = u32::from_be_bytes(*length) as usize;
    if length > most {
        let problem = format!("a message of {length} bytes, where up to {most} are taken (--max-message)");
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    if buffer.len() < LENGTH + length {
        return Ok(None);
    }
    let mut frame = buffer.split_to(LENGTH + length).freeze();
    Ok(Some(frame.split_off(LENGTH)))
}

/// Reads a frame of at most `most` bytes; nothing at the end.
///
/// # Errors
/// When it is larger, or reading fails.
pub async fn read_frame(
    from: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    most: usize,
) -> io::Result<Option<Bytes>> {
    loop {
        if let Some(frame) = take_frame(buffer, most)? {
            return Ok(Some(frame));
        }
        if from.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// A message or a record as the bytes of a [`Parcel`], without a copy of each part before.
pub fn parcel<T: Serialize>(packed: &Packed<T>, out: &mut Vec<u8>) {
    let part = |tag: u32, parts: [&[u8]; 2], out: &mut Vec<u8>| {
        encode_key(tag, WireType::LengthDelimited, out);
        encode_varint((parts[0].len() + parts[1].len()) as u64, out);
        parts.iter().for_each(|part| out.extend_from_slice(part));
    };
    packed.keys.iter().for_each(|key| part(1, [key, &[]], out));
    let mut head = Vec::new();
    for (id, content) in &packed.values {
        head.clear();
        encode_key(1, WireType::Varint, &mut head);
        encode_varint(*id, &mut head);
        encode_key(2, WireType::LengthDelimited, &mut head);
        encode_varint(content.len() as u64, &mut head);
        part(2, [&head, content], out);
    }
    let what = postcard::to_stdvec(&packed.what).expect("the store's types can be written");
    part(3, [&what, &[]], out);
}

/// A message of the store as a frame.
pub fn parcel_frame<T: Serialize>(packed: &Packed<T>) -> Bytes {
    let mut frame = vec![0; LENGTH];
    parcel(packed, &mut frame);
    let length = u32::try_from(frame.len() - LENGTH).unwrap_or(u32::MAX);
    frame[..LENGTH].copy_from_slice(&length.to_be_bytes());
    frame.into()
}

impl Parcel {
    /// What is in it.
    ///
    /// # Errors
    /// When it is nothing that the store says.
    pub fn open<T: DeserializeOwned>(self) -> Result<Packed<T>, String> {
        let (what, rest) = postcard::take_from_bytes(&self.what).map_err(|problem| problem.to_string())?;
        if !rest.is_empty() {
            return Err(format!("{} bytes more than it should have", rest.len()));
        }
        let values = self.values.into_iter().map(|Content { id, content }| (id, Name::from(&content[..])));
        Ok(Packed { keys: self.keys.iter().map(|key| Name::from(&key[..])).collect(), values: values.collect(), what })
    }
}

/// Records on the disk.
pub const CODEC: Codec = Codec {
    write: |record| {
        let mut bytes = Vec::new();
        parcel(record, &mut bytes);
        bytes
    },
    read: |bytes| {
        let parcel = Parcel::decode(bytes).map_err(|problem| problem.to_string())?;
        parcel.open::<Record>()
    },
};

#[cfg(test)]
mod tests;
