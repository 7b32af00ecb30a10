"""What a User-Agent tells, at a price that nobody can raise."""

import time

import pytest
from crawlerdetect import CrawlerDetect
from crawlerdetect.providers.crawlers import data as listed
from hypothesis import given
from hypothesis import strategies as st

from dmp.agents import agent, bot

SHAPES = ("a", "-", "1.", "(;", "a ", "/", "Mozilla/5.0 (", "A_", "bo", "é")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_long_user_agent_costs_a_moment(shape):
    bot("warm up")
    started = time.process_time()
    agent((shape * 8000)[:8000])
    assert time.process_time() - started < 0.25


@given(
    st.lists(st.sampled_from([*SHAPES, "bot", "Googlebot/2.1", "Safari/604.1", "spider", "cubot", "  "]), max_size=9)
)
def test_it_is_a_bot_where_the_list_says_so(parts):
    text = "Mozilla " + "".join(parts)
    assert bot(text) == bool(CrawlerDetect().is_crawler(text))


@given(st.sampled_from(listed))
def test_each_pattern_of_the_list_is_searched(pattern):
    text = "Mozilla " + pattern.replace("\\", "")
    assert bot(text) == bool(CrawlerDetect().is_crawler(text))


@pytest.mark.parametrize(
    "text", ["", "curl/8.5.0", "okhttp/4.12.0", "python-requests/2.32", "Shop/3.1 CFNetwork/1568 Darwin/24.0.0", "  "]
)
def test_apps_and_servers_are_no_bots(text):
    assert not agent(text).bot


@pytest.mark.parametrize(
    "text", ["Mozilla/5.0 HeadlessChrome/120.0 Safari/537.36", "facebookexternalhit/1.1", "AhrefsBot/7.0"]
)
def test_those_that_say_so_are_bots(text):
    assert agent(text).bot
