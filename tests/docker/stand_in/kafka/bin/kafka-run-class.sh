#!/bin/bash
# The flags make a start cheap on small machines; whoever sets KAFKA_JVM_PERFORMANCE_OPTS replaces them.
# shellcheck disable=SC2086  # options are several words
exec java ${KAFKA_HEAP_OPTS:--Xmx512m} ${KAFKA_JVM_PERFORMANCE_OPTS:--XX:+UseSerialGC -XX:TieredStopAtLevel=1} \
    --sun-misc-unsafe-memory-access=allow -Dkafka.logs.dir=/opt/kafka/logs \
    ${KAFKA_LOG4J_OPTS:-} ${KAFKA_OPTS:-} -cp '/opt/kafka/libs/*' "$@"
