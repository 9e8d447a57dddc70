"""The workshop: checks of its exercises, each with a sentence that helps; the exercise notebooks are `notebooks.py`.

In a notebook: `from crossglg import workshop`, then `workshop.check_center(center)`. A check is handed what the learner
wrote, tries it on random input and compares with plain loops; it prints ✓ and a remark, or raises `Unsolved`.
"""

from crossglg.workshop.feedback import Unsolved as Unsolved
from crossglg.workshop.session1 import check_accuracy as check_accuracy
from crossglg.workshop.session1 import check_center as check_center
from crossglg.workshop.session1 import check_honest_accuracy as check_honest_accuracy
from crossglg.workshop.session1 import check_nearest_exemplar as check_nearest_exemplar
from crossglg.workshop.session1 import check_retarget as check_retarget
from crossglg.workshop.session1 import learn_projection as learn_projection
from crossglg.workshop.session2 import check_class_cosine as check_class_cosine
from crossglg.workshop.session2 import check_global_prompt as check_global_prompt
from crossglg.workshop.session2 import check_key_joint_target as check_key_joint_target
from crossglg.workshop.session2 import check_most_similar as check_most_similar
from crossglg.workshop.session2 import check_sentences as check_sentences
from crossglg.workshop.session3 import check_block as check_block
from crossglg.workshop.session3 import check_calibration_loss as check_calibration_loss
from crossglg.workshop.session3 import check_cross_attention as check_cross_attention
from crossglg.workshop.session3 import check_joint_importance as check_joint_importance
from crossglg.workshop.session4 import check_auc as check_auc
from crossglg.workshop.session4 import check_claims as check_claims
from crossglg.workshop.session4 import check_motion_energy as check_motion_energy
from crossglg.workshop.session4 import check_occlusion as check_occlusion
from crossglg.workshop.session4 import check_shuffled as check_shuffled
from crossglg.workshop.session5 import check_alike as check_alike
from crossglg.workshop.session5 import check_received as check_received
from crossglg.workshop.session5 import check_rollout as check_rollout
from crossglg.workshop.session5 import check_what_attention_says as check_what_attention_says
