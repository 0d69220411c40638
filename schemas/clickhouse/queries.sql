-- Questions to `events` and `matches`. What stands in braces is a parameter:
--
--   clickhouse-client --param_team_id=2 --param_since='2023-09-15 00:00:00' --param_until='2023-09-16 00:00:00' --query '…'
--
-- FINAL takes out what was read twice and not merged yet; it is exact and costs a merge of what the query reads.

-- query: events_per_action
-- How many events and users each action has, by what the rows themselves say.
SELECT action_id, count() AS events, uniqExact(distinct_id) AS users
FROM events FINAL
ARRAY JOIN actions AS action_id
WHERE team_id = {team_id:Int64}
    AND timestamp >= {since:DateTime64(3, 'UTC')} AND timestamp < {until:DateTime64(3, 'UTC')}
GROUP BY action_id
ORDER BY action_id;

-- query: events_without_action
-- What no action claims: names that may deserve one.
SELECT event, count() AS events
FROM events FINAL
WHERE team_id = {team_id:Int64} AND empty(actions)
    AND timestamp >= {since:DateTime64(3, 'UTC')} AND timestamp < {until:DateTime64(3, 'UTC')}
GROUP BY event
ORDER BY events DESC, event;

-- query: urls_of_action
-- Where an action happens: JSONExtract reads the properties as they were sent.
SELECT JSONExtractString(properties, '$current_url') AS url, count() AS events
FROM events FINAL
WHERE team_id = {team_id:Int64} AND has(actions, {action_id:Int64})
    AND timestamp >= {since:DateTime64(3, 'UTC')} AND timestamp < {until:DateTime64(3, 'UTC')}
GROUP BY url
ORDER BY events DESC, url;

-- query: widest_viewport
-- A number among the properties; events without one are left out, because JSONExtractFloat would say 0.
SELECT event, max(JSONExtractFloat(properties, '$viewport_width')) AS width
FROM events FINAL
WHERE team_id = {team_id:Int64} AND JSONHas(properties, '$viewport_width')
    AND timestamp >= {since:DateTime64(3, 'UTC')} AND timestamp < {until:DateTime64(3, 'UTC')}
GROUP BY event
ORDER BY event;

-- query: matches_per_user
-- A cohort: who did an action at least so many times. An event that matched under two versions of the action counts once.
SELECT distinct_id, uniqExact(event_uuid) AS times, min(timestamp) AS first, max(timestamp) AS last
FROM matches FINAL
WHERE team_id = {team_id:Int64} AND action_id = {action_id:Int64}
    AND timestamp >= {since:DateTime64(3, 'UTC')} AND timestamp < {until:DateTime64(3, 'UTC')}
GROUP BY distinct_id
HAVING times >= {at_least:UInt64}
ORDER BY times DESC, distinct_id;

-- query: did_one_not_the_other
-- A cohort: who did one action and never the other.
SELECT distinct_id
FROM matches FINAL
WHERE team_id = {team_id:Int64} AND action_id IN ({action_id:Int64}, {other_action_id:Int64})
    AND timestamp >= {since:DateTime64(3, 'UTC')} AND timestamp < {until:DateTime64(3, 'UTC')}
GROUP BY distinct_id
HAVING countIf(action_id = {action_id:Int64}) > 0 AND countIf(action_id = {other_action_id:Int64}) = 0
ORDER BY distinct_id;

-- query: matches_per_version
-- What each version of an action's definition matched, under its newest name.
SELECT action_id, action_version, argMax(action_name, epoch) AS name, count() AS matches
FROM matches FINAL
WHERE team_id = {team_id:Int64}
    AND timestamp >= {since:DateTime64(3, 'UTC')} AND timestamp < {until:DateTime64(3, 'UTC')}
GROUP BY action_id, action_version
ORDER BY action_id, action_version;

-- query: disagreements
-- Rows and matches are written in one transaction, so once both tables have caught up this is empty. What is listed has been read from
-- one topic and not (yet) from the other, or was tagged again under a later catalogue.
SELECT uuid, action_id, sum(tagged) AS rows, sum(matched) AS matches
FROM
(
    SELECT uuid, action_id, 1 AS tagged, 0 AS matched
    FROM events FINAL
    ARRAY JOIN actions AS action_id
    WHERE team_id = {team_id:Int64}
        AND timestamp >= {since:DateTime64(3, 'UTC')} AND timestamp < {until:DateTime64(3, 'UTC')}
    UNION ALL
    SELECT event_uuid AS uuid, action_id, 0 AS tagged, 1 AS matched
    FROM matches FINAL
    WHERE team_id = {team_id:Int64}
        AND timestamp >= {since:DateTime64(3, 'UTC')} AND timestamp < {until:DateTime64(3, 'UTC')}
)
GROUP BY uuid, action_id
HAVING rows = 0 OR matches = 0
ORDER BY uuid, action_id;

-- query: unread
-- What ClickHouse could not read, and why.
SELECT topic, count() AS records, any(error) AS example
FROM (SELECT * FROM events_unread UNION ALL SELECT * FROM matches_unread)
GROUP BY topic
ORDER BY topic;
