// SPDX-License-Identifier: Apache-2.0
/* The thread pool: see pool.h. */
#include "devices/block/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmm/util/process.h"

#define THREADS_MAX 8

struct request_queue {
	struct block_request *first, **last;
};

struct pool {
	int (*execute)(void *arg, const struct block_request *request);
	void *arg;
	int event_fd;
	pthread_t thread[THREADS_MAX];
	unsigned thread_count;

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t work;  /* `waiting` has something, or `stop` */
	struct request_queue waiting, finished;
	unsigned waiting_count, idle;
	bool stop;
};

static void queue_init(struct request_queue *queue)
{
	queue->first = NULL;
	queue->last = &queue->first;
}

static void queue_put(struct request_queue *queue, struct block_request *request)
{
	request->next = NULL;
	*queue->last = request;
	queue->last = &request->next;
}

static struct block_request *queue_get(struct request_queue *queue)
{
	struct block_request *request = queue->first;

	queue->first = request->next;
	if (!queue->first)
		queue->last = &queue->first;
	return request;
}

struct pool *pool_new(int (*execute)(void *arg, const struct block_request *request), void *arg, int event_fd)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->execute = execute;
	pool->arg = arg;
	pool->event_fd = event_fd;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	queue_init(&pool->waiting);
	queue_init(&pool->finished);
	return pool;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->stop = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < pool->thread_count; i++)
		pthread_join(pool->thread[i], NULL);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

/* Call with the lock. One write wakes the collector for all that finishes before it looks. */
static void finish(struct pool *pool, struct block_request *request)
{
	uint64_t one = 1;
	bool first = !pool->finished.first;

	queue_put(&pool->finished, request);
	if (!first)
		return;
	/* It fails only when the counter is full, and then it is readable. */
	ssize_t n = write(pool->event_fd, &one, sizeof(one));
	(void)n;
}

static void *work(void *arg)
{
	struct pool *pool = arg;

	pthread_mutex_lock(&pool->lock);
	while (!pool->stop) {
		if (!pool->waiting.first) {
			pool->idle++;
			pthread_cond_wait(&pool->work, &pool->lock);
			pool->idle--;
			continue;
		}
		struct block_request *request = queue_get(&pool->waiting);
		pool->waiting_count--;
		pthread_mutex_unlock(&pool->lock);
		int result = pool->execute(pool->arg, request);
		pthread_mutex_lock(&pool->lock);
		request->result = result;
		finish(pool, request);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* Signals are for the other threads: a kick meant for a vCPU or a Ctrl-C has no business here. */
static int start_thread(struct pool *pool)
{
	int err = thread_start(&pool->thread[pool->thread_count], work, pool);

	if (!err)
		pool->thread_count++;
	return err;
}

int pool_add(struct pool *pool, struct block_request *request)
{
	pthread_mutex_lock(&pool->lock);
	bool enough = pool->idle > pool->waiting_count;
	pthread_mutex_unlock(&pool->lock);
	/* Fewer threads than wished for are enough, as long as there is one. */
	if (!enough && pool->thread_count < THREADS_MAX && start_thread(pool) && !pool->thread_count)
		return -EAGAIN;

	pthread_mutex_lock(&pool->lock);
	queue_put(&pool->waiting, request);
	pool->waiting_count++;
	pthread_cond_signal(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	return 0;
}

struct block_request *pool_take(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	struct block_request *first = pool->finished.first;
	queue_init(&pool->finished);
	pthread_mutex_unlock(&pool->lock);
	return first;
}
