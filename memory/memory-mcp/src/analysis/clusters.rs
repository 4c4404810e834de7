//! Groups episodes whose tasks are alike, by DBSCAN over the distances of their embeddings.
//!
//! Source: Ester, Kriegel, Sander and Xu, "A density-based algorithm for discovering clusters in large spatial
//! databases with noise" (KDD 1996). The distance is 1 minus the cosine, from 0 to 2. Time and space grow with the
//! square of the number of episodes.

use augurs::DistanceMatrix;
use augurs::clustering::{DbscanCluster, DbscanClusterer};
use memory::embedding::dot;

/// The places of the members of each cluster, the largest cluster first, and of those that belong to none.
#[derive(Debug, PartialEq)]
pub struct Grouped {
    /// The clusters.
    pub clusters: Vec<Vec<usize>>,
    /// Those without a cluster.
    pub alone: Vec<usize>,
}

/// Groups vectors of unit length. Two are neighbours within `distance`; `size` neighbours, the vector itself among
/// them, begin a cluster.
pub fn group(vectors: &[Vec<f32>], distance: f64, size: usize) -> Grouped {
    // Rounding may make the cosine of a vector with itself a little less than 1.
    let apart = |one: &Vec<f32>, other: &Vec<f32>| (1.0 - f64::from(dot(one, other)) - 1e-6).max(0.0);
    let rows = vectors.iter().map(|one| vectors.iter().map(|other| apart(one, other)).collect()).collect();
    let matrix = DistanceMatrix::try_from_square(rows).expect("as many rows as columns");
    let mut grouped = Grouped { clusters: vec![], alone: vec![] };
    for (place, cluster) in DbscanClusterer::new(distance, size.max(1)).fit(&matrix).into_iter().enumerate() {
        let DbscanCluster::Cluster(number) = cluster else {
            grouped.alone.push(place);
            continue;
        };
        let number = number.get() as usize;
        if grouped.clusters.len() < number {
            grouped.clusters.resize(number, vec![]);
        }
        grouped.clusters[number - 1].push(place);
    }
    grouped.clusters.sort_by_key(|members| std::cmp::Reverse(members.len()));
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;
    use memory::{Embedder, FeatureHashing};

    fn grouped(tasks: &[&str], distance: f64, size: usize) -> Grouped {
        let embed = |task: &&str| {
            let mut vector = Vec::new();
            FeatureHashing::default().embed(task, &mut vector);
            vector
        };
        group(&tasks.iter().map(embed).collect::<Vec<_>>(), distance, size)
    }

    #[test]
    fn like_tasks_come_together() {
        let tasks = [
            "draw a chart",
            "fix the parser",
            "fix the parser again",
            "draw a chart today",
            "fix the parser now",
            "sleep",
        ];
        let found = grouped(&tasks, 0.5, 2);
        assert_eq!(found, Grouped { clusters: vec![vec![1, 2, 4], vec![0, 3]], alone: vec![5] });
    }

    #[test]
    fn the_size_and_the_distance_decide() {
        let tasks = ["fix the parser", "fix the parser", "fix the parser"];
        assert_eq!(grouped(&tasks, 0.0, 3).clusters, [vec![0, 1, 2]], "the same words are at no distance");
        assert_eq!(grouped(&tasks, 0.0, 4).alone, [0, 1, 2]);
        assert_eq!(grouped(&["fix the parser", "draw a chart"], 2.0, 2).clusters, [vec![0, 1]]);
        assert_eq!(grouped(&[], 0.5, 2), Grouped { clusters: vec![], alone: vec![] });
    }
}
