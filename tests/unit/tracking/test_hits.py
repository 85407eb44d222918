from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.hits import (
    HEAD,
    PREFETCH,
    USER_AGENT_BYTES,
    Hit,
    UnreadableHitError,
    decode,
    encode,
    id_generator,
    micros,
    moment,
    pack,
    period_of,
)

ids = st.integers(1, 2**63 - 1)
moments = st.integers(micros(datetime(2020, 1, 1, tzinfo=UTC)), micros(datetime(2100, 1, 1, tzinfo=UTC)))
addresses = st.one_of(st.just(""), st.ip_addresses().map(str))
agents = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=90)


@given(
    ids,
    moments,
    ids,
    st.one_of(st.just(0), ids),
    st.sampled_from([0, HEAD, PREFETCH, HEAD | PREFETCH]),
    addresses,
    agents,
)
def test_a_hit_survives_the_buffer(event_id, at, message_id, link_id, flags, ip, agent):
    hit = Hit(event_id, at, message_id, link_id, flags, ip, agent)
    assert decode(encode(hit)) == hit


@given(st.binary(max_size=80))
def test_any_bytes_are_a_hit_or_refused(data):
    try:
        hit = decode(data)
    except UnreadableHitError:
        return
    assert "\0" not in hit.user_agent
    hit.user_agent.encode()


@given(st.binary(max_size=600), st.binary(max_size=60))
def test_whatever_the_headers_hold_the_endpoint_packs_something_readable(agent, ip):
    hit = decode(pack(1, 2, 3, 4, 0, ip, agent))
    assert (hit.id, hit.at, hit.message_id, hit.link_id) == (1, 2, 3, 4)
    assert len(hit.user_agent) <= USER_AGENT_BYTES


@pytest.mark.parametrize("ip", [b"\x00", b"1.2.3.4\x00", b"::\xff", b"nobody", b"fe80::1%eth0", b"1.2.3"])
def test_an_address_that_is_none_is_dropped(ip: bytes):
    assert decode(pack(1, 2, 3, 0, 0, ip, b"")).ip == ""


def test_a_hit_of_an_unknown_version_is_refused():
    data = encode(Hit(1, 2, 3, 0))
    with pytest.raises(UnreadableHitError):
        decode(b"\x09" + data[1:])


@given(moments)
def test_moments_are_kept_to_the_microsecond(at):
    assert micros(moment(at)) == at


@given(moments)
def test_an_id_leads_to_the_millisecond_of_its_hit(at):
    start, end = period_of(id_generator()(at))
    assert start <= moment(at) < end


@given(st.lists(moments, min_size=2, max_size=50))
def test_ids_of_one_process_differ_and_sort_by_time(times):
    new_id = id_generator(0)
    ids = [new_id(at) for at in times]
    assert len(set(ids)) == len(ids)
    assert all(event_id < 2**63 for event_id in ids)
    assert [at // 1000 for _, at in sorted(zip(ids, times, strict=True))] == sorted(at // 1000 for at in times)
